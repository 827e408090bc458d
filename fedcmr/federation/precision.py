"""Updates in fewer bytes: differences to the start weights, in blocks with a scale of their own.

fp16 takes 2.016 bytes a parameter, int8 1.016, fp32 four. With D the largest difference of a block,
a value that is received is off by at most D / 2048 in fp16 and D / 254 in int8, and by rounding in
float32. What the sites train from, and what is merged, stays float32.
"""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from fedcmr.config import UpdatePrecision
from fedcmr.types import FloatArray

BLOCK = 256
"""Differences that share a scale."""

BLOCKS_AT_ONCE = 4096

LEVELS: dict[UpdatePrecision, tuple[float, type[np.generic]]] = {
    "fp16": (1.0, np.float16),
    "int8": (127.0, np.int8),
}
"""Largest value of a block and its type on the wire."""


def size_of(parameters: int, precision: UpdatePrecision) -> int:
    """Return the bytes of an update's values and scales."""
    if precision == "fp32":
        return 4 * parameters
    return np.dtype(LEVELS[precision][1]).itemsize * parameters + 4 * -(-parameters // BLOCK)


def encode(
    update: FloatArray, start: FloatArray, precision: UpdatePrecision
) -> tuple[NDArray[np.generic], FloatArray]:
    """Return the values (P,) and the scales (ceil(P / BLOCK),) of update - start.

    Args:
        update: weights (P,) to tell.
        start: weights (P,) that the other side knows.
        precision: fp16 or int8.
    """
    levels, kind = LEVELS[precision]
    values = np.empty(update.shape, kind)
    scales = np.empty(-(-update.size // BLOCK), np.float32)
    for first in range(0, scales.size, BLOCKS_AT_ONCE):
        part = slice(first * BLOCK, (first + BLOCKS_AT_ONCE) * BLOCK)
        step = update[part] - start[part]
        blocks = np.pad(step, (0, -step.size % BLOCK)).reshape(-1, BLOCK)
        scale = np.abs(blocks).max(1) / np.float32(levels)
        blocks /= np.where(scale > 0, scale, 1)[:, None]
        if precision == "int8":
            np.clip(np.rint(blocks, out=blocks), -levels, levels, out=blocks)
        values[part] = blocks.reshape(-1)[: step.size]
        scales[first : first + len(scale)] = scale
    return values, scales


def decode(
    values: Iterable[NDArray[np.generic]], scales: FloatArray, start: FloatArray
) -> Iterator[FloatArray]:
    """Yield the weights that `encode` was given, block by block.

    Args:
        values: consecutive parts of the values, each but the last of a multiple of BLOCK.
        scales: of all blocks.
        start: weights (P,) that both sides know.
    """
    at = 0
    for part in values:
        scale = np.repeat(scales[at // BLOCK : -(-(at + part.size) // BLOCK)], BLOCK)
        with np.errstate(invalid="ignore", over="ignore"):  # scales may be made up: who asks looks
            weights = start[at : at + part.size] + part.astype(np.float32) * scale[: part.size]
        yield weights
        at += part.size
