import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedcmr.dicom.pixel_grid import PixelGrid
from fedcmr.ingest.mask_lay import onto
from fedcmr.ingest.mask_read import MaskSlice

ROW, COLUMN = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0)


def grid(side: int, spacing: float, left: float = 0.0, top: float = 0.0) -> PixelGrid:
    return PixelGrid((left, top, 0.0), ROW, COLUMN, (spacing, spacing), (side, side))


def test_the_same_grid_keeps_every_label() -> None:
    labels = np.arange(36, dtype=np.uint8).reshape(6, 6) % 4
    found, flags = onto(grid(6, 1.5), MaskSlice(grid(6, 1.5), labels))
    np.testing.assert_array_equal(found, labels)
    assert flags == set()


def test_a_crop_cuts_and_says_that_mvo_lies_beyond() -> None:
    labels = np.zeros((10, 10), np.uint8)
    labels[1, 1], labels[5, 6], labels[2, 7] = 2, 2, 3
    found, flags = onto(grid(4, 1.0, left=4, top=3), MaskSlice(grid(10, 1.0), labels))
    wanted = np.zeros((4, 4), np.uint8)
    wanted[2, 2] = 2
    np.testing.assert_array_equal(found, wanted)
    assert flags == {"mvo_off_crop", "mask_label_lost"}


def test_mvo_between_two_pixels_is_kept_as_one() -> None:
    labels = np.full((12, 12), 1, np.uint8)
    labels[4, 8] = 2
    found, flags = onto(grid(4, 3.0), MaskSlice(grid(12, 1.0), labels))
    assert flags == {"mvo_one_pixel"}
    assert np.argwhere(found == 2).tolist() == [[1, 3]]
    assert (found == 1).sum() == 15


@pytest.mark.parametrize("label", [1, 3])
def test_a_label_that_falls_between_pixels_is_not_lost_in_silence(label: int) -> None:
    labels = np.zeros((12, 12), np.uint8)
    labels[4, 8] = label
    found, flags = onto(grid(4, 3.0), MaskSlice(grid(12, 1.0), labels))
    assert not found.any()
    assert flags == {"mask_label_lost"}
    labels[3, 6] = label
    found, flags = onto(grid(4, 3.0), MaskSlice(grid(12, 1.0), labels))
    assert found[1, 2] == label
    assert flags == set()


@pytest.mark.parametrize("jitter", [-2e-4, 0.0, 2e-4])
def test_half_a_pixel_beside_no_row_is_taken_twice(jitter: float) -> None:
    labels = np.random.default_rng(0).integers(0, 4, (12, 12)).astype(np.uint8)
    crop = grid(8, 1.5, left=2.25 + jitter, top=3.75 - jitter)
    found, _ = onto(crop, MaskSlice(grid(12, 1.5), labels))
    np.testing.assert_array_equal(found, labels[2:10, 1:9])


def test_beyond_the_mask_is_background() -> None:
    found, _ = onto(
        grid(8, 1.0, left=-2, top=-2), MaskSlice(grid(4, 1.0), np.full((4, 4), 3, np.uint8))
    )
    assert found.sum() == 3 * 16
    assert (found[2:6, 2:6] == 3).all()


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    spacing=st.floats(0.6, 3.0),
    step=st.floats(0.8, 4.0),
    left=st.floats(-20, 20),
    top=st.floats(-20, 20),
    turn=st.floats(0, 6.28),
    share=st.floats(0.002, 0.6),
)
def test_no_label_is_invented_and_no_mvo_in_the_crop_is_lost(
    seed: int, spacing: float, step: float, left: float, top: float, turn: float, share: float
) -> None:
    rng = np.random.default_rng(seed)
    labels = np.where(rng.random((20, 20)) < share, rng.integers(1, 4, (20, 20)), 0)
    labels = labels.astype(np.uint8)
    mask = MaskSlice(grid(20, spacing), labels)
    cos, sin = float(np.cos(turn)), float(np.sin(turn))
    crop = PixelGrid((left, top, 1.0), (cos, sin, 0.0), (-sin, cos, 0.0), (step, step), (12, 12))
    found, flags = onto(crop, mask)
    assert set(np.unique(found)) <= set(np.unique(labels)) | {0}
    places = crop.nearest(mask.grid.points()[labels == 2])
    inside = ((places >= 0) & (places < 12)).all(axis=1)
    assert not inside.any() or (found == 2).any()
    gone = {1, 3} & set(np.unique(labels)) - set(np.unique(found))
    assert ("mask_label_lost" in flags) == bool(gone)
    assert ("mvo_off_crop" in flags) == (not inside.all())
    if (found == 2).any() and not inside.any():
        # the nearest label of an edge pixel: its own centre lies in the mask's pixel
        rows, columns = np.nonzero(found == 2)
        nearest = mask.grid.nearest(crop.points()[rows, columns])
        assert (labels[nearest[:, 0], nearest[:, 1]] == 2).all()
