import dicom_files
import numpy as np
import pytest

from fedcmr.ingest.heart import find_heart

STILL = np.zeros((6, 2), np.float32)


@pytest.mark.parametrize("spacing", [1.5, 2.0, 3.0])
def test_finds_the_beating_ring(spacing: float) -> None:
    size = round(200 / spacing)
    cine = dicom_files.heart(size=size, spacing=spacing).astype(np.float32)
    heart = find_heart(cine, (spacing, spacing), STILL)
    assert heart.y_mm == pytest.approx(0.55 * size * spacing, abs=7)
    assert heart.x_mm == pytest.approx(0.60 * size * spacing, abs=7)
    assert heart.contrast > 2
    assert heart.motion.shape == (6,)


def test_is_not_drawn_by_a_bright_still_disc_or_a_flickering_vessel() -> None:
    cine = dicom_files.heart(size=100, spacing=2.0).astype(np.float32)
    y, x = np.mgrid[:100, :100]
    cine[:, :, np.hypot(y - 20, x - 25) < 14] = 3000
    vessel = np.hypot(y - 80, x - 30) < 3
    flicker = 600 + 500 * np.sin(2 * np.pi * np.arange(12) / 12)
    cine[:, :, vessel] = flicker[None, :, None]
    heart = find_heart(cine, (2.0, 2.0), STILL)
    assert (heart.y_mm, heart.x_mm) == pytest.approx((110, 120), abs=8)


def test_pixels_may_be_oblong() -> None:
    cine = dicom_files.heart(size=100, spacing=2.0).astype(np.float32)
    heart = find_heart(cine[:, :, ::2], (4.0, 2.0), STILL)
    assert (heart.y_mm, heart.x_mm) == pytest.approx((110, 120), abs=8)


def test_slices_shifted_in_plane_are_brought_together() -> None:
    cine = dicom_files.heart(size=100, spacing=2.0).astype(np.float32)
    shifts = np.zeros((6, 2), np.float32)
    for z in range(6):
        # the origin moves right and down, so the heart moves left and up in the image
        cine[z] = np.roll(cine[z], (-3 * z, -3 * z), (1, 2))
        shifts[z] = 6 * z
    heart = find_heart(cine, (2.0, 2.0), shifts)
    assert (heart.y_mm, heart.x_mm) == pytest.approx((110, 120), abs=8)


def test_noise_on_a_still_image_has_no_contrast() -> None:
    still = np.repeat(dicom_files.heart(phases=1), 12, axis=1).astype(np.float32)
    noise = np.random.default_rng(2).normal(0, 20, still.shape).astype(np.float32)
    assert find_heart(still + noise, (3.0, 3.0), STILL).contrast < 1.2
