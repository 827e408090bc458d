"""Where the left ventricle is: from the motion of the cine, not from the middle of the image.

The amplitude of the first harmonic over the beat is high at borders that move (heart, great
vessels) and low in lung and chest wall. Strong borders vote, weighted by that amplitude, for
points up their brightness gradient at the radii of a ventricle: the round bright left ventricle
gathers its votes in one point, the right ventricle and vessels scatter theirs. The idea of the
harmonic map is that of many short-axis segmentation pipelines; the vote is a gradient Hough
transform for circles (Kimme, Ballard and Sklansky, 1975).
"""

from typing import NamedTuple

import numpy as np

from fedcmr.ingest.percentile import percentile
from fedcmr.types import DoubleArray, FloatArray, RawCine

GRID_MM = 3.0
"""Working resolution; a ventricle is 40 to 80 mm across."""
RADII_MM = tuple(range(15, 48, 3))
"""From the blood pool of a small ventricle to the outer wall of a dilated one."""
BORDER_PERCENTILE = 70.0
"""Of the gradient: pixels with a weaker one do not vote."""
AMPLITUDE_PERCENTILE = 90.0
"""Of the amplitude, above which a vote does not weigh more: the wall of the right ventricle moves
most, and fat is brightest."""
VOTE_BLUR_MM = 6.0
MOTION_BLUR_MM = 25.0
MOTION_SHARE = 0.25
"""Of the greatest blurred motion: elsewhere the heart is not looked for."""
NEAR_MM = 50.0
"""Radius around the centre within which motion counts as the heart's."""


class Heart(NamedTuple):
    """The place of the left ventricle in a short-axis cine."""

    y_mm: float
    """Down from the centre of the first pixel of the first slice."""
    x_mm: float
    """Right of it."""
    motion: DoubleArray
    """Mean first-harmonic amplitude of each slice near the heart: (Z,)."""
    contrast: float
    """Motion near the heart over the median of the whole image."""


def find_heart(cine: RawCine, spacing_mm: tuple[float, float], shifts_mm: FloatArray) -> Heart:
    """Find the left ventricle in a (Z, T, Y, X) cine; spacing (y, x), shifts (Z, 2) in mm."""
    steps = [max(1, round(GRID_MM / spacing)) for spacing in spacing_mm]
    pixel = [step * spacing for step, spacing in zip(steps, spacing_mm, strict=True)]
    coarse = cine[:, :, :: steps[0], :: steps[1]]
    mean, amplitude = _harmonics(coarse)
    moves = np.rint(shifts_mm / np.array(pixel, np.float32)).astype(np.int64)
    votes, motion = np.zeros(mean.shape[1:]), np.zeros(mean.shape[1:])
    for z in range(len(mean)):
        votes += _moved(_votes(mean[z], amplitude[z], pixel), moves[z])
        motion += _moved(amplitude[z].astype(np.float64), moves[z])
    above = np.maximum(motion - percentile(motion, 50), 0)
    blurred = _blur(above, MOTION_BLUR_MM, pixel)
    score = _blur(votes, VOTE_BLUR_MM, pixel) * (blurred >= MOTION_SHARE * blurred.max())
    y, x = np.unravel_index(int(score.argmax()), score.shape)
    rows, columns = np.ogrid[: mean.shape[1], : mean.shape[2]]
    near_slices = np.zeros(len(mean))
    for z, (down, right) in enumerate(moves):
        away = ((rows + down - y) * pixel[0]) ** 2 + ((columns + right - x) * pixel[1]) ** 2
        near = away < NEAR_MM**2
        near_slices[z] = amplitude[z][near].mean(dtype=np.float64) if near.any() else 0.0
    background = percentile(amplitude, 50)
    contrast = float(near_slices.mean()) / background if background > 0 else float("inf")
    return Heart(float(y * pixel[0]), float(x * pixel[1]), near_slices, contrast)


def _harmonics(cine: RawCine) -> tuple[FloatArray, FloatArray]:
    """Return mean and first-harmonic amplitude over T: two (Z, Y, X)."""
    phases = cine.shape[1]
    angles = 2 * np.pi * np.arange(phases) / phases
    mean, cosine, sine = (np.zeros((len(cine), *cine.shape[2:]), np.float32) for _ in range(3))
    part = np.empty_like(mean)
    for t, angle in enumerate(angles):
        frame = np.ascontiguousarray(cine[:, t])
        mean += frame
        cosine += np.multiply(frame, np.float32(np.cos(angle)), out=part)
        sine += np.multiply(frame, np.float32(np.sin(angle)), out=part)
    amplitude: FloatArray = np.sqrt(cosine * cosine + sine * sine) * np.float32(2 / phases)
    mean /= np.float32(phases)
    return mean, amplitude


def _votes(mean: FloatArray, amplitude: FloatArray, pixel: list[float]) -> DoubleArray:
    """Return the votes of one slice: (Y, X)."""
    down, right = np.zeros_like(mean), np.zeros_like(mean)
    down[1:-1] = (mean[2:] - mean[:-2]) / np.float32(pixel[0])
    right[:, 1:-1] = (mean[:, 2:] - mean[:, :-2]) / np.float32(pixel[1])
    steepness = np.sqrt(down * down + right * right)
    voters = np.flatnonzero(steepness > percentile(steepness, BORDER_PERCENTILE))
    rows, columns = np.divmod(voters, mean.shape[1])
    steep = steepness.ravel()[voters]
    most = np.float32(percentile(amplitude, AMPLITUDE_PERCENTILE))
    weight = np.minimum(amplitude.ravel()[voters], most).astype(np.float64)
    # around the slice there is room for the votes that fall beyond it
    margin = [int(RADII_MM[-1] / size) + 2 for size in pixel]
    height, width = (length + 2 * more for length, more in zip(mean.shape, margin, strict=True))
    radii = np.array(RADII_MM, np.float32)[:, None]
    y, x = (
        np.rint(start + more + radii * (towards.ravel()[voters] / steep / np.float32(size)))
        for start, more, towards, size in zip(
            (rows, columns), margin, (down, right), pixel, strict=True
        )
    )
    y *= width
    y += x
    # a circle of twice the radius has twice the border pixels
    votes = np.bincount(y.astype(np.intp).ravel(), (weight / radii).ravel(), height * width)
    # weighted counts are float64 already; numpy's stub says integers
    slots = votes.astype(np.float64, copy=False).reshape(height, width)
    return slots[tuple(slice(more, -more) for more in margin)]


def _moved(image: DoubleArray, move: np.ndarray) -> DoubleArray:
    """Return the image moved down and right by whole pixels."""
    return np.roll(image, (int(move[0]), int(move[1])), (0, 1)) if move.any() else image


def _blur(image: DoubleArray, sigma_mm: float, pixel: list[float]) -> DoubleArray:
    """Return the image blurred by a Gaussian, zero outside."""
    for axis, size in enumerate(pixel):
        sigma = sigma_mm / size
        reach = int(3 * sigma) + 1
        kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
        pads = [(reach, reach) if each == axis else (0, 0) for each in (0, 1)]
        padded = np.pad(image, pads)
        length = image.shape[axis]
        image = np.zeros_like(image)
        for tap, weight in enumerate(kernel / kernel.sum()):
            window = padded[tap : tap + length] if axis == 0 else padded[:, tap : tap + length]
            image += window * weight
    return image
