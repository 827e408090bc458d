import math

import pytest

from fedcmr.dicom.geometry import (
    APEX,
    Orientation,
    dot,
    is_short_axis,
    is_valid,
    normal,
    same_orientation,
    towards_apex,
)

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
CORONAL = (1.0, 0.0, 0.0, 0.0, 0.0, -1.0)
SAGITTAL = (0.0, 1.0, 0.0, 0.0, 0.0, -1.0)
# ImageOrientationPatient of Sunnybrook SCD0000201, 301 and 401
SHORT_AXES = [
    (0.77038, 0.618446, 0.155046, -0.15161, 0.41389, -0.897613),
    (0.712221, 0.701112, -0.0343949, -0.307716, 0.267798, -0.913015),
    (0.693252, 0.673689, 0.256017, 0.0220038, 0.335277, -0.941863),
]


@pytest.mark.parametrize(
    ("plane", "expected"), [(AXIAL, (0, 0, 1)), (CORONAL, (0, 1, 0)), (SAGITTAL, (-1, 0, 0))]
)
def test_normal_of_the_body_planes(plane: Orientation, expected: tuple[float, ...]) -> None:
    assert normal(plane) == pytest.approx(expected)


@pytest.mark.parametrize("plane", SHORT_AXES)
def test_real_short_axes_are_recognised(plane: Orientation) -> None:
    assert is_short_axis(plane)
    assert dot(towards_apex(plane), APEX) > 0.9
    flipped = (*plane[3:], *plane[:3])
    assert towards_apex(flipped) == pytest.approx(towards_apex(plane))


@pytest.mark.parametrize("plane", [AXIAL, CORONAL, SAGITTAL])
def test_body_planes_are_not_short_axis(plane: Orientation) -> None:
    assert not is_short_axis(plane)


def test_jitter_is_the_same_plane_and_a_degree_is_not() -> None:
    plane = SHORT_AXES[1]
    assert same_orientation(plane, (*plane[:3], plane[3] + 1e-6, *plane[4:]))
    turned = math.radians(1)
    assert not same_orientation(AXIAL, (math.cos(turned), math.sin(turned), 0, *AXIAL[3:]))


@pytest.mark.parametrize(
    ("plane", "valid"),
    [
        (AXIAL, True),
        ((1.0, 0.0, 0.0, 0.0, 1.000004, 0.0), True),
        ((1.0, 0.0, 0.0, 1.0, 0.0, 0.0), False),
        ((0.0, 0.0, 0.0, 0.0, 0.0, 0.0), False),
        ((math.nan, 0.0, 0.0, 0.0, 1.0, 0.0), False),
    ],
)
def test_invalid_directions_are_noticed(plane: Orientation, valid: bool) -> None:
    assert is_valid(plane) is valid
