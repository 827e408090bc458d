import subprocess
import sys
from pathlib import Path

import dicom_files
import numpy as np
import pytest

from fedcmr.config import Preprocessing
from fedcmr.dicom.refusal import RefusedError
from fedcmr.ingest.prepare import choose_slices, prepare
from fedcmr.ingest.study import RawCineVolume
from fedcmr.types import FloatArray

SMALL = Preprocessing(slices=6, phases=10, spacing_mm=3.0, size=32)


def volume(pixels: FloatArray | None = None, **changes: object) -> RawCineVolume:
    array = dicom_files.heart().astype(np.float32) if pixels is None else pixels
    slices, phases = array.shape[:2]
    values: dict[str, object] = {
        "array": array,
        "times_ms": np.tile(12 + np.arange(phases) * 900.0 / phases, (slices, 1)),
        "rr_ms": np.full(slices, 900.0),
        "spacing_mm": (3.0, 3.0),
        "shifts_mm": np.zeros((slices, 2), np.float32),
        "slice_distance_mm": 8.0,
    }
    return RawCineVolume(**(values | changes))  # type: ignore[arg-type]  # values by name


def test_shape_range_and_crop_on_the_heart() -> None:
    prepared = prepare(volume(), SMALL)
    assert prepared.array.shape == (6, 10, 32, 32)
    assert prepared.array.dtype == np.uint16
    assert prepared.array.min() < 1000
    assert prepared.array.max() > 65000
    assert prepared.preparation.centre_mm == pytest.approx((105.6, 115.2), abs=5)
    pool = prepared.array[:, 0, 14:18, 14:18].mean()
    assert pool > 3 * prepared.array[:, 0, 14:18, 3:5].mean()


def test_fewer_slices_are_padded_on_both_sides() -> None:
    prepared = prepare(volume(), SMALL.model_copy(update={"slices": 9}))
    done = prepared.preparation
    assert (done.kept_slices, done.padded_before, done.padded_after) == (6, 1, 2)
    filled = prepared.array.any(axis=(1, 2, 3))
    assert filled.tolist() == [False, *[True] * 6, False, False]
    assert "few_slices" in prepared.flags


def test_of_more_slices_the_most_moving_are_kept() -> None:
    pixels = dicom_files.heart(slices=8).astype(np.float32)
    pixels[:2] = pixels[:2, :1]
    prepared = prepare(volume(pixels), SMALL)
    assert prepared.preparation.first_slice == 2
    assert choose_slices(np.array([1.0, 5, 5, 2, 5]), 3) == (1, 3)
    assert choose_slices(np.array([2.0, 2, 2, 2]), 2) == (0, 2)
    assert choose_slices(np.array([1.0]), 3) == (0, 1)


def test_a_zero_mask_does_not_change_the_intensities() -> None:
    """The field of view is a circle in a square of zeros on many scanners."""
    rng = np.random.default_rng(1)
    whole = dicom_files.heart(size=64).astype(np.float32)
    whole[whole == 0] = 250 + rng.integers(0, 20, (whole == 0).sum())
    wide = SMALL.model_copy(update={"size": 64})
    masked = whole.copy()
    masked[:, :, np.hypot(*(np.mgrid[:64, :64] - 32)) > 32] = 0
    a, b = prepare(volume(whole), wide).preparation, prepare(volume(masked), wide).preparation
    assert b.low == pytest.approx(a.low, rel=0.02)
    assert b.high == pytest.approx(a.high, rel=0.02)


def test_is_independent_of_the_scale_of_the_scanner() -> None:
    pixels = dicom_files.heart().astype(np.float32)
    a, b = prepare(volume(pixels), SMALL).array, prepare(volume(pixels * 8 + 100), SMALL).array
    assert np.abs(a.astype(int) - b).max() <= 2


def test_a_crop_beyond_the_image_is_zero_there_and_flagged() -> None:
    prepared = prepare(volume(), Preprocessing(slices=6, phases=10, spacing_mm=3.0, size=80))
    assert "heart_at_edge" in prepared.flags
    assert not prepared.array[:, :, :, -1].any()
    assert not prepared.array[:, :, -1].any()


def test_oblong_pixels_give_the_same_picture() -> None:
    pixels = dicom_files.heart(size=128, spacing=1.5).astype(np.float32)
    even = prepare(volume(pixels, spacing_mm=(1.5, 1.5)), SMALL).array
    halves = (pixels[:, :, ::2] + pixels[:, :, 1::2]) / 2
    # the first pixel of the halved rows lies between the first two
    oblong = prepare(volume(halves, spacing_mm=(3.0, 1.5)), SMALL).array
    assert np.corrcoef(even[:, 0].ravel(), oblong[:, 0].ravel())[0, 1] > 0.95


def test_a_slice_shifted_in_plane_is_cropped_at_the_same_place() -> None:
    pixels = dicom_files.heart().astype(np.float32)
    shifts = np.zeros((6, 2), np.float32)
    moved = pixels.copy()
    moved[3], shifts[3] = np.roll(pixels[3], (-2, -4), (1, 2)), (6.0, 12.0)
    a, b = (
        prepare(volume(pixels), SMALL).array,
        prepare(volume(moved, shifts_mm=shifts), SMALL).array,
    )
    assert np.abs(a[3].astype(int) - b[3]).mean() < 300


def test_the_beat_begins_at_the_r_wave_wherever_the_scan_did() -> None:
    pixels = dicom_files.heart().astype(np.float32)
    times = np.tile(np.arange(12) * 75.0, (6, 1))
    late = volume(np.roll(pixels, -4, axis=1), times_ms=times + 300)
    np.testing.assert_array_equal(
        prepare(late, SMALL).array, prepare(volume(pixels, times_ms=times), SMALL).array
    )


def test_flags_of_the_grid_are_kept() -> None:
    assert "dropped_slice" in prepare(volume(flags=("dropped_slice",)), SMALL).flags


def test_overview_and_box() -> None:
    prepared = prepare(volume(), SMALL)
    assert prepared.overview.shape == (64, 64)
    top, left, bottom, right = prepared.preparation.overview_box
    assert (bottom - top, right - left) == pytest.approx((32, 32))
    assert top + 16 == pytest.approx(prepared.preparation.centre_mm[0] / 3, abs=0.01)


def test_blank_images_are_refused() -> None:
    with pytest.raises(RefusedError) as caught:
        prepare(volume(np.full((6, 12, 64, 64), 7, np.float32)), SMALL)
    assert caught.value.code == "blank"


def test_is_the_same_to_the_bit_for_any_number_of_threads() -> None:
    script = (
        "import sys, hashlib; sys.path[:0] = sys.argv[1:3]\n"
        "import torch; torch.set_num_threads(int(sys.argv[3]))\n"
        "from test_prepare import SMALL, prepare, volume\n"
        "print(hashlib.sha256(prepare(volume(), SMALL).array).hexdigest())"
    )
    folders = [str(Path(__file__).parent), str(Path(__file__).parents[2])]
    digests = {
        subprocess.run(
            [sys.executable, "-c", script, *folders, threads],
            env={"OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for threads in ("1", "4")
    }
    assert len(digests) == 1
