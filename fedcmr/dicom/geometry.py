"""Planes in patient space: DICOM LPS millimetres, x to the left, y to the back, z to the head."""

import math
from collections.abc import Sequence

Vector = tuple[float, float, float]
Orientation = tuple[float, float, float, float, float, float]
"""Direction of a row (towards higher column), then of a column (towards higher row)."""

ORIENTATION_TOLERANCE = 1e-3
"""Of a direction cosine: exports jitter by 1e-6, separate planes differ by more than 0.01."""
POSITION_TOLERANCE_MM = 0.5
"""Along the normal: frames of one slice jitter less, slices lie at least 4 mm apart."""
SPACING_TOLERANCE_MM = 1e-3
"""Of pixel spacing, written with 4 to 7 digits."""
UNIT_TOLERANCE = 0.01
"""How far a direction may be from unit length, and two from orthogonal."""

APEX: Vector = (0.62, -0.67, -0.41)
"""Usual direction of the left ventricle from base to apex: left, front, feet."""
SHORT_AXIS_TILT = 40.0
"""Degrees that a short-axis normal may deviate from APEX; axial, coronal, sagittal deviate more."""
STANDARD_ROW: Vector = (0.73, 0.67, 0.0)
"""Row direction of a short-axis view as usually shown: right ventricle at the left of the image."""
STANDARD_COLUMN: Vector = (-0.28, 0.30, -0.91)
"""Column direction of a short-axis view as usually shown: anterior wall at the top."""


def dot(a: Sequence[float], b: Sequence[float]) -> float:
    """Return the scalar product of two vectors of length 3."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def row_direction(orientation: Orientation) -> Vector:
    """Return the direction along a row."""
    return orientation[:3]


def column_direction(orientation: Orientation) -> Vector:
    """Return the direction along a column."""
    return orientation[3:]


def normal(orientation: Orientation) -> Vector:
    """Return the unit normal of a plane, row x column (DICOM PS3.3 C.7.6.2.1.1)."""
    (a, b, c), (d, e, f) = row_direction(orientation), column_direction(orientation)
    cross = (b * f - c * e, c * d - a * f, a * e - b * d)
    length = math.sqrt(dot(cross, cross))
    return cross[0] / length, cross[1] / length, cross[2] / length


def towards_apex(orientation: Orientation) -> Vector:
    """Return the normal, turned so that it points from the heart's base to its apex."""
    x, y, z = normal(orientation)
    return (x, y, z) if dot((x, y, z), APEX) >= 0 else (-x, -y, -z)


def is_valid(orientation: Orientation) -> bool:
    """Tell whether both directions are finite, of unit length and orthogonal."""
    row, column = row_direction(orientation), column_direction(orientation)
    lengths = (dot(row, row), dot(column, column))
    return (
        all(math.isfinite(value) for value in orientation)
        and all(abs(length - 1) < 2 * UNIT_TOLERANCE for length in lengths)
        and abs(dot(row, column)) < UNIT_TOLERANCE
    )


def same_orientation(a: Orientation, b: Orientation) -> bool:
    """Tell whether two planes are parallel and turned alike, up to what exports jitter."""
    return all(abs(p - q) < ORIENTATION_TOLERANCE for p, q in zip(a, b, strict=True))


def is_short_axis(orientation: Orientation) -> bool:
    """Tell whether a plane cuts the heart across its long axis, by its direction alone."""
    cosine = dot(towards_apex(orientation), APEX) / math.sqrt(dot(APEX, APEX))
    return cosine >= math.cos(math.radians(SHORT_AXIS_TILT))
