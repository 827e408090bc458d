"""Start the MVO network from weights that torchvision trained on Kinetics-400.

The weights of `r2plus1d_18` are given as a local file; nothing is downloaded.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from fedcmr.errors import ConfigurationError
from fedcmr.models.mvo_r2plus1d_bert import MvoR2Plus1dBert

CLASSIFIER = "fc."
COUNTER = "num_batches_tracked"
"""Of BatchNorm; older files lack it, and nothing here depends on it."""


def start_from(path: Path, model: nn.Module) -> str:
    """Put the weights of a file into the backbone of `model` and return the file's sha256, in hex.

    Raises:
        ConfigurationError: it cannot be read, or is not of the backbone of this network.
    """
    if not isinstance(model, MvoR2Plus1dBert):
        raise ConfigurationError(
            "pretrained weights are for mvo_r2plus1d_bert", fix="leave --pretrained out"
        )
    load_backbone(model, read_weights(path))
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read a state dict, `.safetensors` or torch's own; code in it is never run.

    Raises:
        ConfigurationError: it cannot be read, or holds something else.
    """
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # both readers raise anything on damaged bytes
        raise ConfigurationError(
            "weights cannot be read", where=str(path), fix="give a .safetensors or torch file"
        ) from None
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise ConfigurationError("the file holds no weights by name", where=str(path))
    return state


def load_backbone(model: MvoR2Plus1dBert, state: Mapping[str, Tensor]) -> None:
    """Put the state of torchvision's `r2plus1d_18` into the backbone of `model`.

    Our modules have its names, below `backbone.`. Its 400-way layer goes where the published preset
    keeps one, and is left out elsewhere.

    Raises:
        ConfigurationError: GroupNorm, a reduced width, a state with other names or shapes, or a
            value that is not finite.
    """
    wanted = {
        name: tuple(value.shape)
        for name, value in model.state_dict().items()
        if name.startswith(("backbone.", CLASSIFIER)) and not name.endswith(COUNTER)
    }
    named = {
        name if name.startswith(CLASSIFIER) else f"backbone.{name}": value
        for name, value in state.items()
        if not name.endswith(COUNTER)
    }
    if model.fc is None:
        named = {name: value for name, value in named.items() if not name.startswith(CLASSIFIER)}
    if not any(name.endswith("running_mean") for name in wanted):
        raise ConfigurationError(
            "pretrained weights belong to BatchNorm", fix="set model.norm to batch"
        )
    for name in sorted(wanted.keys() | named.keys()):
        found = tuple(named[name].shape) if name in named else "missing"
        if wanted.get(name, "unknown") != found:
            raise ConfigurationError(
                f"pretrained weights do not fit: {name} is {found}, "
                f"expected {wanted.get(name, 'nothing')}",
                fix="use the weights of torchvision's r2plus1d_18 and model.width 1",
            )
        if not named[name].isfinite().all():
            raise ConfigurationError(f"pretrained weights hold a value that is no number: {name}")
    model.load_state_dict(named, strict=False)
