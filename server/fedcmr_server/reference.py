"""Another model on disk, to compare with: its weights as a vector, nothing executed."""

from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file

from fedcmr.errors import DataError
from fedcmr.federation.payload import Layout
from fedcmr.release.layout import WEIGHTS
from fedcmr.types import FloatArray


def load_reference(folder: Path, layout: Layout) -> FloatArray:
    """Return the weights (P,) of a release or of what `fedcmr train` wrote.

    Raises:
        DataError: there is no model.safetensors, or it is of another network.
    """
    path = folder / WEIGHTS
    try:
        state = load_file(path)
    except (OSError, SafetensorError):
        raise DataError("no weights to compare with", where=str(path)) from None
    if any(
        name not in state or tuple(state[name].shape) != shape
        for name, shape in layout.shapes.items()
    ):
        raise DataError("weights to compare with are of another network", where=str(path))
    vector = layout.pack(state)
    layout.check(vector)
    return vector
