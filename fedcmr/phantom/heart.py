"""The left ventricle in numbers: contours over angle and time, volumes, the lesion's extent."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from fedcmr.phantom.patient import Patch, Patient
from fedcmr.types import DoubleArray

ANGLES = 180
"""Contour points around the ventricle."""

SYSTOLE = 0.36
"""Part of the RR interval until end-systole."""

LONGEST_SHORTENING = 0.62
"""Fractional shortening of the endocardial radius that no segment exceeds."""

FIRST_LEVEL = 0.03
"""Long-axis level of the most basal slice (0 base, 1 apex)."""


def activation(time: DoubleArray) -> DoubleArray:
    """Return the contraction (0..1) at `time`, in RR intervals after the R wave; periodic.

    Half a cosine to end-systole, fast filling, diastasis, atrial kick.
    """
    knots = np.array([0.0, 0.05, SYSTOLE, 0.48, 0.58, 0.85, 0.95, 1.0])
    heights = np.array([0.0, 0.03, 1.0, 0.6, 0.2, 0.13, 0.0, 0.0])
    t = np.mod(time, 1.0)
    i = np.clip(np.searchsorted(knots, t, side="right") - 1, 0, len(knots) - 2)
    part = (t - knots[i]) / (knots[i + 1] - knots[i])
    smooth = (1 - np.cos(np.pi * part)) / 2
    contraction: DoubleArray = heights[i] + (heights[i + 1] - heights[i]) * smooth
    return contraction


@dataclass(frozen=True)
class Heart:
    """A patient's left ventricle cut at `levels` (0 base, 1 apex; shape (Z,)).

    Arrays over angle have ANGLES columns, column k at angle 2 pi k / ANGLES from the septum.
    """

    patient: Patient
    levels: DoubleArray
    slice_distance_mm: float

    @cached_property
    def angles(self) -> DoubleArray:
        """Angles of the contour points, (A,)."""
        return np.arange(ANGLES, dtype=np.float64) * (2 * np.pi / ANGLES)

    def window(self, patch: Patch) -> DoubleArray:
        """Return how much of `patch` each wall point belongs to, 0..1, (Z, A)."""
        turn = np.angle(np.exp(1j * (self.angles - patch.angle)))
        around = _plateau(np.abs(turn) / patch.half_width)
        along = _plateau(np.abs(self.levels - patch.level) / patch.half_length)
        return along[:, None] * around[None, :]

    @cached_property
    def diastolic_endocardium_mm(self) -> DoubleArray:
        """Endocardial radius at end-diastole, (Z, A)."""
        profile = np.sqrt(np.clip(1 - (0.97 * self.levels) ** 2.4, 0.02, 1))
        oval = 1 + self.patient.ellipticity * np.cos(2 * self.angles)
        return self.patient.endocardial_radius_mm * profile[:, None] * oval[None, :]

    @cached_property
    def wall_area_mm2(self) -> DoubleArray:
        """Wall between the contours at end-diastole, times 1/pi, per angle, (Z, A)."""
        lesion = self.patient.lesion
        thin = 0.0 if lesion is None else lesion.thinning * self.window(lesion.patch)
        wall = self.patient.wall_mm * (1 - thin)
        return (self.diastolic_endocardium_mm + wall) ** 2 - self.diastolic_endocardium_mm**2

    @cached_property
    def mobility(self) -> DoubleArray:
        """Share of the heart's shortening that each wall point makes, 0..1, (Z, A)."""
        weak = self.patient.hypokinesia
        if weak is None:
            return np.ones((len(self.levels), ANGLES))
        return 1 - (1 - weak.remaining) * self.window(weak.patch)

    @cached_property
    def shortening(self) -> DoubleArray:
        """Fractional shortening at end-systole that gives the ejection fraction, (Z, A)."""
        low, high = 0.0, 1.0
        for _ in range(30):
            middle = (low + high) / 2
            if self._fraction(self._shortening(middle)) < self.patient.ejection_fraction:
                low = middle
            else:
                high = middle
        return self._shortening(high)

    def _shortening(self, strength: float) -> DoubleArray:
        return np.minimum(strength * self.mobility, LONGEST_SHORTENING)

    def _fraction(self, shortening: DoubleArray) -> float:
        diastole = np.square(self.diastolic_endocardium_mm).sum()
        systole = np.square(self.diastolic_endocardium_mm * (1 - shortening)).sum()
        return float(1 - systole / diastole)

    @property
    def ejection_fraction(self) -> float:
        """Ejection fraction of this geometry; the drawn one, unless no wall can reach it."""
        return self._fraction(self.shortening)

    def contours_mm(self, times: DoubleArray) -> tuple[DoubleArray, DoubleArray]:
        """Return endocardial and epicardial radius at `times` (RR intervals), each (T, Z, A).

        The wall keeps its area but for the long-axis shortening, so it thickens where it moves.
        """
        contraction = activation(times)[:, None, None]
        endocardium = self.diastolic_endocardium_mm * (1 - self.shortening * contraction)
        longitudinal = 1 + 0.35 * self.shortening * contraction
        return endocardium, np.sqrt(endocardium**2 + self.wall_area_mm2 * longitudinal)

    def volume_ml(self, times: DoubleArray) -> DoubleArray:
        """Return the cavity volume by summed discs at `times` (RR intervals), (T,)."""
        endocardium, _ = self.contours_mm(times)
        areas = np.pi * np.square(endocardium).mean(axis=2)
        volumes: DoubleArray = areas.sum(axis=1) * self.slice_distance_mm / 1000
        return volumes


def stack_levels(length_mm: float, slices: int, slice_distance_mm: float) -> DoubleArray:
    """Return the long-axis level of each slice, (Z,); beyond 1 there is no ventricle left."""
    return FIRST_LEVEL + np.arange(slices, dtype=np.float64) * (slice_distance_mm / length_mm)


def _plateau(distance: DoubleArray) -> DoubleArray:
    """1 inside, 0 outside, a soft edge between 0.8 and 1.2 of the half width."""
    return np.clip((1.2 - distance) / 0.4, 0, 1)
