"""Weights as one float32 vector: a single object on the wire, one array to sum and to check."""

import hashlib
import io
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fedcmr.errors import DataError
from fedcmr.types import FloatArray

LONGEST_HEAD = 2**12
"""Bytes in which the type and shape of a vector must be told."""


def npy_pieces(values: NDArray[Any]) -> tuple[bytes, memoryview]:
    """Return what numpy.save writes for a vector (P,), in two pieces; no copy of the values."""
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, np.lib.format.header_data_from_array_1_0(values))
    return head.getvalue(), np.ascontiguousarray(values).data


def to_npy(values: NDArray[Any]) -> memoryview:
    """Return what numpy.save writes for a vector (P,), by a single copy of the values.

    Into an array, for which numpy asks for large pages: new pages of 4 KiB cost more than the copy.
    """
    whole = np.concatenate([np.frombuffer(piece, np.uint8) for piece in npy_pieces(values)])
    whole.setflags(write=False)
    return whole.data


def from_npy(content: bytes | memoryview) -> FloatArray:
    """Return the vector (P,) that `to_npy` wrote; read-only, not a copy.

    Raises:
        DataError: it is no such vector.
    """
    head = io.BytesIO(content[:LONGEST_HEAD])
    try:
        np.lib.format.read_magic(head)
        shape, _, dtype = np.lib.format.read_array_header_1_0(head)
        values: FloatArray = np.frombuffer(content, dtype, offset=head.tell()).reshape(shape)
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        raise DataError("weights that cannot be read") from None
    return values


def all_finite(values: FloatArray) -> bool:
    """Tell whether no value is infinite or NaN, without a mask of their number."""
    with np.errstate(invalid="ignore"):
        return not values.size or bool(np.isfinite(values.min()) and np.isfinite(values.max()))


class Layout:
    """Names and shapes of a network's floating-point state, in order.

    Integer buffers (BatchNorm's step counter) are not shared: they have no mean.
    """

    def __init__(self, state: Mapping[str, Tensor]) -> None:
        self.shapes = {
            name: tuple(value.shape) for name, value in state.items() if value.is_floating_point()
        }
        self.size = sum(int(np.prod(shape)) for shape in self.shapes.values())

    def spans(self) -> dict[str, slice]:
        """Return where the values of each name lie in the vector, in order."""
        ends = np.cumsum([int(np.prod(shape)) for shape in self.shapes.values()]).tolist()
        return {
            name: slice(start, end)
            for name, start, end in zip(self.shapes, [0, *ends], ends, strict=False)
        }

    def digest(self) -> str:
        """Return the sha256 of the names and shapes, in hex."""
        return hashlib.sha256(json.dumps(self.shapes).encode()).hexdigest()

    def pack(self, state: Mapping[str, Tensor]) -> FloatArray:
        """Return the state as one vector, (P,)."""
        parts = [state[name].detach().to("cpu", torch.float32).flatten() for name in self.shapes]
        vector: FloatArray = torch.cat(parts).numpy()
        return vector

    def unpack(self, vector: FloatArray) -> dict[str, Tensor]:
        """Return the state that a vector (P,) stands for.

        Raises:
            DataError: wrong length, or a value that is not finite.
        """
        self.check(vector)
        whole = torch.from_numpy(np.array(vector, dtype=np.float32))
        parts = whole.split([int(np.prod(shape)) for shape in self.shapes.values()])
        return {
            name: part.view(shape)
            for (name, shape), part in zip(self.shapes.items(), parts, strict=True)
        }

    def check(self, vector: FloatArray) -> None:
        """Refuse a vector that is not this network's.

        Raises:
            DataError: wrong type or length, or a value that is not finite.
        """
        if vector.dtype != np.float32 or vector.shape != (self.size,):
            raise DataError(
                f"weights are {vector.dtype} {vector.shape}, expected float32 ({self.size},)"
            )
        if not all_finite(vector):
            raise DataError("weights contain a value that is not finite")
