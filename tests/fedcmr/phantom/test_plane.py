import numpy as np
import pytest

from fedcmr.dicom.geometry import is_short_axis, is_valid, normal
from fedcmr.phantom.plane import Plane, draw_plane


@pytest.fixture(params=range(20))
def plane(request: pytest.FixtureRequest) -> Plane:
    return draw_plane(np.random.default_rng(request.param))


def test_orientation_is_a_short_axis_view(plane: Plane) -> None:
    a, b, c, d, e, f = plane.orientation
    assert is_valid((a, b, c, d, e, f))
    assert is_short_axis((a, b, c, d, e, f))
    np.testing.assert_allclose(normal((a, b, c, d, e, f)), plane.normal, atol=1e-12)


def test_slices_lie_one_behind_the_other_along_the_normal(plane: Plane) -> None:
    first, second = (plane.corner(112, 2.4, offset) for offset in (0.0, 8.0))
    np.testing.assert_allclose(first - second, 8.0 * plane.normal, atol=1e-9)


def test_the_corner_is_half_a_field_of_view_from_the_centre(plane: Plane) -> None:
    corner = plane.corner(101, 2.0, 0.0)
    opposite = corner + 200 * (plane.row + plane.column)
    np.testing.assert_allclose((corner + opposite) / 2, plane.centre_mm, atol=1e-9)
