"""Linear resampling in time and in the image plane, to the bit the same wherever it runs.

Every output is a sum of few products in a fixed order: no matrix product, whose order of summing
depends on the number of threads.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fedcmr.types import DoubleArray, FloatArray


class Taps(NamedTuple):
    """For each output sample along one axis: which inputs, and how much of each."""

    inputs: NDArray[np.int64]
    """(taps, samples)."""
    weight: FloatArray
    """(taps, samples); zero where an input lies outside."""
    inside: NDArray[np.bool_]
    """(samples,): the sample lies within the image."""


def over_one_beat(
    frames: FloatArray, times_ms: DoubleArray, rr_ms: float, phases: int
) -> FloatArray:
    """Resample frames (T, Y, X) to `phases` frames over one RR interval, frame 0 at the R wave.

    Between the last frame and the first of the next beat the interpolation goes round.
    """
    count = len(times_ms)
    # a late start puts the last frames into the next beat
    order = np.argsort(times_ms % rr_ms, kind="stable")
    within = (times_ms % rr_ms)[order]
    around = np.concatenate(([within[-1] - rr_ms], within, [within[0] + rr_ms]))
    wanted = np.arange(phases) * (rr_ms / phases)
    after = np.clip(np.searchsorted(around, wanted, side="right"), 1, count + 1)
    share = np.clip((wanted - around[after - 1]) / (around[after] - around[after - 1]), 0, 1)
    out = np.empty((phases, *frames.shape[1:]), np.float32)
    for t, (right, part) in enumerate(zip(after, share, strict=True)):
        np.multiply(frames[order[(right - 2) % count]], np.float32(1 - part), out=out[t])
        out[t] += frames[order[(right - 1) % count]] * np.float32(part)
    return out


def taps_along(length: int, spacing: float, start: float, step: float, samples: int) -> Taps:
    """Return the taps for `samples` points from `start` in steps of `step`, all in mm.

    The input has `length` points `spacing` apart from 0. The kernel is a triangle, as wide as the
    coarser of both grids, so that a coarser output does not alias.
    """
    width = max(1.0, step / spacing)
    place = (start + step * np.arange(samples)) / spacing
    first = np.floor(place - width).astype(np.int64) + 1
    index = first[None] + np.arange(int(np.ceil(2 * width)))[:, None]
    weight = np.maximum(0.0, 1 - np.abs(index - place[None]) / width)
    weight[(index < 0) | (index >= length)] = 0
    total = weight.sum(axis=0)
    weight /= np.where(total > 0, total, 1)
    inside = (place > -0.5) & (place < length - 0.5)
    used = weight.any(axis=1)
    return Taps(np.clip(index, 0, length - 1)[used], weight[used].astype(np.float32), inside)


def in_plane(frames: FloatArray, rows: Taps, columns: Taps) -> FloatArray:
    """Resample frames (T, Y, X) to (T, rows, columns)."""
    tall = sum_of_taps(frames, rows.inputs, rows.weight[:, None, :, None], axis=1)
    return sum_of_taps(tall, columns.inputs, columns.weight[:, None, None, :], axis=2)


def sum_of_taps(
    frames: FloatArray, index: NDArray[np.int64], weight: FloatArray, axis: int
) -> FloatArray:
    """Return the weighted sum of `frames` taken at each row of `index` along `axis`."""
    out: FloatArray = np.take(frames, index[0], axis=axis, mode="clip")
    out *= weight[0]
    for tap in range(1, len(index)):
        more = np.take(frames, index[tap], axis=axis, mode="clip")
        more *= weight[tap]
        out += more
    return out
