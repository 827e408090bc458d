"""Findings on a cine that a reader of the data set should know; none excludes a study."""

import numpy as np

from fedcmr.ingest.heart import Heart
from fedcmr.types import DoubleArray

FLAGS = {
    "reacquired_slice": "a slice was acquired again; the last complete one is used",
    "dropped_slice": "a slice with missing phases was left out",
    "uneven_positions": "the slices are not evenly spaced",
    "few_slices": "fewer slices than the data set keeps; the rest is padded with zeros",
    "rr_estimated": "no RR interval in the header; estimated from the times",
    "rr_inconsistent": "the times do not fit the RR interval of the header; it was estimated",
    "rr_varies": "the RR interval differs by more than a fifth between slices",
    "partial_cycle": "the phases cover less than 85 % of the RR interval",
    "weak_motion": "little motion where the heart should be; see the preview",
    "heart_at_edge": "the crop reaches beyond the image",
    "no_label": "the patient is not in the label file",
    "mask_gap": "a slice of the cine has no drawn mask within 4 mm; it is unlabelled",
    "mask_left_over": "a drawn slice of the mask lies at no slice of the cine; it labels nothing",
    "mask_contradicts_label": "the mask holds MVO, the label file says that there is none",
    "mask_label_lost": "infarct or myocardium of a mask slice is beyond the crop or below a pixel",
    "mvo_off_crop": "MVO of the mask lies beyond the crop; it counts for the label",
    "mvo_one_pixel": "MVO smaller than a pixel of the crop was kept as one pixel",
}
"""Code to meaning."""

FULL_CYCLE = 0.85
"""Of the RR interval; prospective gating leaves a gap at the end."""
RR_SPREAD = 0.2
"""Of the median, between the longest and shortest interval of the slices."""
MOTION_CONTRAST = 1.5
"""Motion near the heart over that of the whole image, below which the crop may be wrong."""


def beats(times_ms: DoubleArray, rr_ms: DoubleArray) -> tuple[DoubleArray, set[str]]:
    """Return the RR interval to use for each slice (Z,), and what was found: times (Z, T)."""
    span = times_ms[:, -1] - times_ms[:, 0]
    step = np.median(np.diff(times_ms, axis=1), axis=1)
    known = np.isfinite(rr_ms)
    fits = known & (np.nan_to_num(rr_ms) > span)
    rr = np.where(fits, rr_ms, span + step)
    flags = {
        "rr_estimated": not known.all(),
        "rr_inconsistent": bool((known & ~fits).any()),
        "rr_varies": float(np.ptp(rr)) > RR_SPREAD * float(np.median(rr)),
        "partial_cycle": bool(((span + step) / rr < FULL_CYCLE).any()),
    }
    return rr, {flag for flag, found in flags.items() if found}


def heart_flags(heart: Heart) -> set[str]:
    """Return what was found when the heart was looked for."""
    return {"weak_motion"} if heart.contrast < MOTION_CONTRAST else set()
