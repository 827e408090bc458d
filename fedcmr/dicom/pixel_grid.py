"""Where the pixels of one plane lie in the patient: DICOM LPS millimetres."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fedcmr.dicom.geometry import Vector, normal
from fedcmr.types import DoubleArray

TIE = 1e-3
"""Of a pixel: positions and directions are written with rounding errors, which must not decide
between two pixels that a point lies halfway between."""


@dataclass(frozen=True)
class PixelGrid:
    """A plane of pixels."""

    origin: Vector
    """Centre of the first pixel."""
    row: Vector
    """Unit vector along a row."""
    column: Vector
    """Unit vector along a column, at right angles to it."""
    spacing: tuple[float, float]
    """Between rows, between columns."""
    shape: tuple[int, int]
    """Rows, columns."""

    def points(self) -> DoubleArray:
        """Return the centres of all pixels: (Y, X, 3)."""
        y, x = (
            np.arange(count) * step for count, step in zip(self.shape, self.spacing, strict=True)
        )
        down, right = y[:, None, None] * np.array(self.column), x[:, None] * np.array(self.row)
        points: DoubleArray = np.array(self.origin) + down + right
        return points

    def corners(self) -> DoubleArray:
        """Return the centres of the four pixels at the corners: (4, 3)."""
        ends = ((0, 0), (0, 1), (1, 0), (1, 1))
        down, right = (
            (count - 1) * step * np.array(direction)
            for count, step, direction in zip(
                self.shape, self.spacing, (self.column, self.row), strict=True
            )
        )
        return np.array([np.array(self.origin) + y * down + x * right for y, x in ends])

    def centre(self) -> DoubleArray:
        """Return the middle of the plane: (3,)."""
        middle: DoubleArray = self.corners().mean(axis=0)
        return middle

    def indices(self, points: DoubleArray) -> DoubleArray:
        """Return row and column, (..., 2), of the feet of points (..., 3) on this plane."""
        away = points - np.array(self.origin)
        both = np.stack([away @ np.array(self.column), away @ np.array(self.row)], axis=-1)
        indices: DoubleArray = both / np.array(self.spacing)
        return indices

    def nearest(self, points: DoubleArray) -> NDArray[np.int64]:
        """Return row and column, (..., 2), of the pixel nearest to points (..., 3), maybe outside.

        Of two pixels as near it is always the earlier one: of a grid that lies half a pixel beside
        this one no row is taken twice and none is left out.
        """
        return np.ceil(self.indices(points) - (0.5 + TIE)).astype(np.int64)

    def distance(self, point: DoubleArray, axis: DoubleArray) -> float:
        """Return the way from a point (3,) along a unit vector (3,) to this plane, mm."""
        across = np.array(normal((*self.row, *self.column)))
        return float(abs((np.array(self.origin) - point) @ across / (axis @ across)))

    def covers(self, other: "PixelGrid") -> bool:
        """Tell whether both have the same pixels, in whatever order, up to half of one."""
        if sorted(self.shape) != sorted(other.shape):
            return False
        away = np.linalg.norm(self.corners()[:, None] - other.corners()[None], axis=2)
        return bool((away.min(axis=1) < min(self.spacing) / 2).all())
