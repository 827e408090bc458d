"""The handshake: what must be the same on both sides before a site trains anything."""

import hashlib
from functools import cache
from pathlib import Path

import fedcmr
from fedcmr.config import Experiment
from fedcmr.federation.payload import Layout
from fedcmr.models.registry import build
from fedcmr.settings import Settings
from fedcmr.tasks.registry import task


class Contract(Settings):
    """Versions and digests of one side; equal contracts mean equal computations."""

    package_version: str
    code_digest: str
    experiment_digest: str
    preprocessing_digest: str
    parameters_digest: str
    label_map_digest: str

    def differences(self, other: "Contract") -> list[str]:
        """Name every entry that differs, with both values; `self` is the coordinator's."""
        return [
            f"{name.replace('_', ' ')} differs: coordinator {mine[:12]}, site {theirs[:12]}"
            for name, mine in self.model_dump().items()
            if mine != (theirs := getattr(other, name))
        ]


def contract(experiment: Experiment, preprocessing_digest: str | None = None) -> Contract:
    """Return this side's contract for an experiment.

    Args:
        experiment: the run.
        preprocessing_digest: of the data set at hand; the experiment's own where there is none.
    """
    model = build(experiment.model, experiment.preprocessing)
    return Contract(
        package_version=fedcmr.__version__,
        code_digest=code_digest(),
        experiment_digest=experiment.digest(),
        preprocessing_digest=preprocessing_digest or experiment.preprocessing.digest(),
        parameters_digest=Layout(model.state_dict()).digest(),
        label_map_digest=_label_map_digest(experiment),
    )


def _label_map_digest(experiment: Experiment) -> str:
    asked = task(experiment.task)
    return hashlib.sha256(f"{asked.name}: {dict(enumerate(asked.classes))}".encode()).hexdigest()


@cache
def code_digest() -> str:
    """Return the sha256 over the names and bytes of the library's sources, in hex."""
    root = Path(fedcmr.__file__).parent
    whole = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        content = path.read_bytes()
        whole.update(f"{path.relative_to(root).as_posix()} {len(content)}\n".encode())
        whole.update(content)
    return whole.hexdigest()
