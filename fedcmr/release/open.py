"""Open a release for use. A signature is not checked here: see `signing.verify`."""

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from fedcmr.config import Experiment
from fedcmr.errors import CheckFailed
from fedcmr.models.registry import build
from fedcmr.release.description import Description
from fedcmr.release.layout import MODEL, WEIGHTS, check_inventory
from fedcmr.settings import load_settings


@dataclass(frozen=True)
class OpenRelease:
    """A release ready for use."""

    path: Path
    description: Description
    model: nn.Module
    """In evaluation mode, on the CPU."""

    @property
    def experiment(self) -> Experiment:
        """The run's settings."""
        return self.description.experiment

    @property
    def threshold(self) -> float:
        """A score at or above it is positive."""
        return self.description.threshold.value


def open_release(path: Path) -> OpenRelease:
    """Read settings and weights; nothing in a release is ever executed or unpickled.

    Raises:
        CheckFailed: a file is missing, added or no regular file, or the weights are not those of
            the model in its settings.
        ConfigurationError: model.yaml has keys or values that this version does not know.
    """
    check_inventory(path)
    description = load_settings(path / MODEL, Description)
    # The weights are replaced below; drawing random ones would disturb the caller's generator.
    with torch.random.fork_rng(devices=[]):
        experiment = description.experiment
        model = build(experiment.model, experiment.preprocessing, inference=True)
    model.load_state_dict(_read_weights(path / WEIGHTS, model), strict=False)
    return OpenRelease(path, description, model.eval())


def _read_weights(path: Path, model: nn.Module) -> dict[str, Tensor]:
    wanted = {
        name: tuple(value.shape)
        for name, value in model.state_dict().items()
        if value.is_floating_point()
    }
    try:
        with safe_open(path, framework="pt") as file:
            # Names and shapes come from the header: nothing is allocated for a wrong file.
            names = file.keys()
            found = {name: tuple(file.get_slice(name).get_shape()) for name in names}
            if found != wanted:
                raise CheckFailed(
                    f"{WEIGHTS} does not hold the weights of the model in {MODEL}",
                    where=str(path.parent),
                )
            state = {name: file.get_tensor(name) for name in wanted}
    except (SafetensorError, OSError, ValueError):
        raise CheckFailed(f"{WEIGHTS} cannot be read", where=str(path.parent)) from None
    if any(t.dtype != torch.float32 or not t.isfinite().all() for t in state.values()):
        raise CheckFailed(
            f"{WEIGHTS} holds a value that is not a finite float32", where=str(path.parent)
        )
    return state
