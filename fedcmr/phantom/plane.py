"""Where the short-axis stack lies in the patient: DICOM LPS millimetres."""

from dataclasses import dataclass

import numpy as np

from fedcmr.phantom.scanner import Acquisition
from fedcmr.types import DoubleArray

SHORT_AXIS = np.array([[0.73, 0.67, 0.13], [-0.28, 0.47, -0.84]])
"""Usual direction of a row (towards the lateral wall) and of a column (towards the inferior)."""

TILT = 0.08
"""Spread of the direction cosines between patients."""


@dataclass(frozen=True)
class Plane:
    """Unit vectors along a row and along a column, and the centre of the first slice."""

    row: DoubleArray
    column: DoubleArray
    centre_mm: DoubleArray

    @property
    def orientation(self) -> tuple[float, ...]:
        """ImageOrientationPatient."""
        return (*self.row.tolist(), *self.column.tolist())

    @property
    def normal(self) -> DoubleArray:
        """Unit vector of row x column; it points from the apex to the base."""
        normal: DoubleArray = np.cross(self.row, self.column)
        return normal

    def corner(self, pixels: int, spacing_mm: float, towards_apex_mm: float) -> DoubleArray:
        """Return ImagePositionPatient of a square slice so far towards the apex."""
        half = (pixels - 1) / 2 * spacing_mm
        corner: DoubleArray = (
            self.centre_mm - half * (self.row + self.column) - towards_apex_mm * self.normal
        )
        return corner


def draw_plane(rng: np.random.Generator) -> Plane:
    """Draw the stack's place and tilt."""
    row, column = SHORT_AXIS + rng.normal(0, TILT, (2, 3)).clip(-2 * TILT, 2 * TILT)
    row = row / np.linalg.norm(row)
    column = column - row * (row @ column)
    return Plane(row, column / np.linalg.norm(column), rng.uniform(-40, 40, 3))


def slice_offsets_mm(acquisition: Acquisition) -> DoubleArray:
    """Return how far each slice lies from the first towards the apex, (Z,)."""
    return np.arange(acquisition.slices, dtype=np.float64) * acquisition.slice_distance_mm
