"""From a short-axis cine to the array that a network sees; training and prediction share it."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fedcmr.config import Preprocessing
from fedcmr.dicom.refusal import RefusedError
from fedcmr.ingest.heart import Heart, find_heart
from fedcmr.ingest.percentile import percentile
from fedcmr.ingest.quality import beats, heart_flags
from fedcmr.ingest.resample import Taps, in_plane, over_one_beat, taps_along
from fedcmr.ingest.study import RawCineVolume
from fedcmr.types import STORED_MAX, DoubleArray, FloatArray, StoredCine

INTENSITY_STEP = 4
"""Every fourth frame gives the percentiles: the beat changes where the blood is, not how bright."""
OVERVIEW_SIZE = 128
"""Longest side of the overview, pixels."""


@dataclass(frozen=True)
class Preparation:
    """A record of what was done to one cine; it belongs to the data set."""

    first_slice: int
    """Of the acquired slices, counted from the base, the first that is kept."""
    kept_slices: int
    padded_before: int
    """Empty slices put before the kept ones (base)."""
    padded_after: int
    rr_ms: float
    """Median of the intervals used."""
    low: float
    """Intensity that became 0."""
    high: float
    """Intensity that became 1."""
    centre_mm: tuple[float, float]
    """Of the crop, down and right of the centre of the image's first pixel, in standard view."""
    overview_box: tuple[float, float, float, float]
    """The crop on the overview: top, left, bottom, right in pixels."""


@dataclass(frozen=True)
class Prepared:
    """A cine ready for a network."""

    array: StoredCine
    """(slices, phases, side, side) uint16."""
    overview: NDArray[np.uint8]
    """(Y, X): the mean over time of the middle kept slice, whole image, coarse."""
    flags: tuple[str, ...]
    """Codes of `fedcmr.ingest.quality.FLAGS`, sorted."""
    preparation: Preparation


def prepare(cine: RawCineVolume, preprocessing: Preprocessing) -> Prepared:
    """Resample to one beat, choose or pad slices, crop around the heart, scale the intensity.

    Where a sample is a slice, all are kept and none is padded.

    Of more slices than wanted, the contiguous ones that move most near the heart are kept: basal
    and apical slices beyond the ventricle move least. The result does not depend on the machine's
    number of threads.

    Raises:
        RefusedError: the images are blank.
    """
    heart = find_heart(cine.array, cine.spacing_mm, cine.shifts_mm)
    rr_ms, flags = beats(cine.times_ms, cine.rr_ms)
    flags |= heart_flags(heart) | set(cine.flags)
    wanted = len(cine.array) if preprocessing.per_slice else preprocessing.slices
    first, kept = choose_slices(heart.motion, wanted)
    before = (wanted - kept) // 2
    side = preprocessing.stored_side
    stored = np.zeros((wanted, preprocessing.phases, side, side), np.uint16)
    windows = [_window(cine, heart, preprocessing, z) for z in range(first, first + kept)]
    low, high = _range([_changing(w.frames[::INTENSITY_STEP]) for w in windows], preprocessing)
    for z, window in enumerate(windows, start=first):
        frames = np.ascontiguousarray(window.frames)
        beat = over_one_beat(frames, cine.times_ms[z], float(rr_ms[z]), preprocessing.phases)
        crop = _stored(in_plane(beat, window.rows, window.columns), low, high)
        inside = window.rows.inside[:, None] & window.columns.inside
        np.multiply(crop, inside, out=stored[before + z - first], casting="unsafe")
        if not inside.all():
            flags.add("heart_at_edge")
    if kept < wanted:
        flags.add("few_slices")
    overview, box = _overview(cine, heart, preprocessing, first + kept // 2)
    preparation = Preparation(
        first_slice=first,
        kept_slices=kept,
        padded_before=before,
        padded_after=wanted - kept - before,
        rr_ms=float(np.median(rr_ms)),
        low=low,
        high=high,
        centre_mm=(heart.y_mm, heart.x_mm),
        overview_box=box,
    )
    return Prepared(stored, overview, tuple(sorted(flags)), preparation)


def choose_slices(motion: DoubleArray, wanted: int) -> tuple[int, int]:
    """Return the first of the slices to keep and their number, given each slice's motion (Z,)."""
    kept = min(wanted, len(motion))
    sums = [float(motion[first : first + kept].sum()) for first in range(len(motion) - kept + 1)]
    return int(np.argmax(sums)), kept


class _Window(NamedTuple):
    """What of one slice the crop is made of."""

    frames: FloatArray
    """(T, Y, X), as they lie in the cine."""
    rows: Taps
    """Of the window, not of the image."""
    columns: Taps


def _window(cine: RawCineVolume, heart: Heart, preprocessing: Preprocessing, z: int) -> _Window:
    half = (preprocessing.stored_side - 1) / 2 * preprocessing.spacing_mm
    rows, columns = (
        taps_along(
            length=length,
            spacing=spacing,
            # a hundredth of a millimetre: positions are written with rounding errors
            start=centre - round(float(shift), 2) - half,
            step=preprocessing.spacing_mm,
            samples=preprocessing.stored_side,
        )
        for length, spacing, centre, shift in zip(
            cine.array.shape[2:],
            cine.spacing_mm,
            (heart.y_mm, heart.x_mm),
            cine.shifts_mm[z],
            strict=True,
        )
    )
    top, left = rows.inputs.min(), columns.inputs.min()
    bottom, right = rows.inputs.max() + 1, columns.inputs.max() + 1
    return _Window(
        cine.array[z, :, top:bottom, left:right],
        rows._replace(inputs=rows.inputs - top),
        columns._replace(inputs=columns.inputs - left),
    )


def _changing(frames: FloatArray) -> FloatArray:
    """Return the values of pixels that change over time; those of a mask around them do not."""
    changes = frames.max(axis=0) != frames.min(axis=0)
    chosen: FloatArray = frames[:, changes]
    return chosen.ravel()


def _range(values: list[FloatArray], preprocessing: Preprocessing) -> tuple[float, float]:
    together = np.concatenate(values)
    if together.size:
        low = percentile(together, preprocessing.low_percentile)
        high = percentile(together, preprocessing.high_percentile)
        if high > low:
            return low, high
    raise RefusedError("blank")


def _stored(crop: FloatArray, low: float, high: float) -> FloatArray:
    """Return whole numbers from 0 to STORED_MAX, in place of the crop."""
    crop -= np.float32(low)
    crop *= np.float32(STORED_MAX / (high - low))
    np.clip(crop, 0, STORED_MAX, out=crop)
    return np.rint(crop, out=crop)


def _overview(
    cine: RawCineVolume, heart: Heart, preprocessing: Preprocessing, z: int
) -> tuple[NDArray[np.uint8], tuple[float, float, float, float]]:
    step = -(-max(cine.array.shape[2:]) // OVERVIEW_SIZE)
    image = cine.array[z, :, ::step, ::step].mean(axis=0, dtype=np.float32)
    low, high = percentile(image, 1), percentile(image, 99.5)
    scaled = np.clip((image - low) * (255 / max(high - low, 1e-6)), 0, 255)
    half = preprocessing.stored_side * preprocessing.spacing_mm / 2
    top, left = (
        (centre - float(shift) - half) / (spacing * step)
        for centre, shift, spacing in zip(
            (heart.y_mm, heart.x_mm), cine.shifts_mm[z], cine.spacing_mm, strict=True
        )
    )
    high_y, wide_x = (2 * half / (spacing * step) for spacing in cine.spacing_mm)
    box = (top, left, top + high_y, left + wide_x)
    return scaled.astype(np.uint8), box
