"""Experiments that come with fedcmr: in the wheel beside the code, in a checkout in configs/."""

from pathlib import Path

import fedcmr


def shipped_experiment(name: str) -> Path:
    """Return the file of an experiment, for example `scar_demo`."""
    package = Path(fedcmr.__file__).parent
    installed = package / "configs"
    configs = installed if installed.is_dir() else package.parent / "configs"
    return configs / "experiments" / f"{name}.yaml"
