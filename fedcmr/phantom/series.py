"""Series before they are encoded: images with their place in space and in the heart beat."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fedcmr.types import FloatArray

Component: TypeAlias = Literal["magnitude", "phase", "real"]
Stored: TypeAlias = NDArray[np.int16] | NDArray[np.uint16]

BITS_STORED = 12
"""As scanners write; also with sign, where no value below zero occurs."""

REAL_OFFSET = 2048
"""Stored value of zero where the image has a sign."""


@dataclass(frozen=True)
class Image:
    """One image: stored pixels (Y, X), value = slope * stored + intercept."""

    pixels: Stored
    slope: float
    intercept: float
    component: Component
    orientation: tuple[float, ...]
    position: tuple[float, ...]
    slice_location: float
    slice: int
    phase: int
    trigger_ms: float | None
    rr_ms: float
    acquired_s: float


@dataclass(frozen=True)
class Series:
    """Images that one pulse sequence made; `inversion_ms` marks late enhancement."""

    number: int
    uid: str
    description: str
    frame_of_reference: str
    spacing_mm: float
    thickness_mm: float
    distance_mm: float
    repetition_ms: float
    echo_ms: float
    flip_angle: float
    inversion_ms: float | None
    phases: int
    images: tuple[Image, ...]


def store(values: FloatArray, slope: float, intercept: float, *, signed: bool) -> Stored:
    """Return values as stored integers of 12 bits, clipped where a scanner's would be."""
    stored: FloatArray = np.rint((values - intercept) / slope).clip(0, 2**BITS_STORED - 1)
    return stored.astype(np.int16) if signed else stored.astype(np.uint16)
