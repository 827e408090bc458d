from dataclasses import replace

import numpy as np
import pytest

from fedcmr.dicom.pixel_grid import PixelGrid

GRID = PixelGrid((10.0, -20.0, 5.0), (0.0, 1.0, 0.0), (0.0, 0.0, -1.0), (2.0, 3.0), (4, 5))


def test_points_step_down_columns_and_along_rows() -> None:
    points = GRID.points()
    assert points.shape == (4, 5, 3)
    assert points[1, 2].tolist() == [10.0, -14.0, 3.0]
    assert GRID.corners()[3].tolist() == points[3, 4].tolist()


def test_indices_are_the_way_back_and_drop_the_distance_from_the_plane() -> None:
    points = GRID.points() + np.array([7.0, 0, 0])
    wanted = np.stack(np.mgrid[:4, :5], axis=-1)
    np.testing.assert_allclose(GRID.indices(points), wanted, atol=1e-12)


def test_a_grid_read_the_other_way_round_covers_the_same_pixels() -> None:
    y, x, z = GRID.corners()[3].tolist()
    other = PixelGrid((y, x, z), (0.0, 0.0, 1.0), (0.0, -1.0, 0.0), (3.0, 2.0), (5, 4))
    assert GRID.covers(other)
    assert other.covers(GRID)


@pytest.mark.parametrize(
    "changes",
    [
        {"origin": (11.1, -20.0, 5.0)},
        {"shape": (4, 6)},
        {"spacing": (2.0, 3.3)},
        {"row": (0.8, 0.6, 0.0)},
    ],
)
def test_another_place_size_or_turn_does_not_cover(changes: dict[str, object]) -> None:
    assert not GRID.covers(replace(GRID, **changes))  # type: ignore[arg-type]  # values by name
