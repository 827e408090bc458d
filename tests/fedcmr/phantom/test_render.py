from dataclasses import replace

import numpy as np
import pytest

from fedcmr.phantom.heart import Heart
from fedcmr.phantom.patient import Patient, draw_patient
from fedcmr.phantom.render import (
    add_noise,
    anatomy,
    coil_bias,
    lesion_extent,
    phase_times,
    pixel_mm,
    render,
    slice_centres,
    stack,
    wall_signal,
)
from fedcmr.phantom.scanner import Acquisition, acquire
from fedcmr.phantom.sites import SITES
from fedcmr.types import FloatArray

SCANNER = SITES["siemens"].exports[0].scanner


@pytest.fixture
def patient() -> Patient:
    rng = np.random.default_rng(2)
    drawn = (draw_patient(rng) for _ in range(100))
    return next(p for p in drawn if p.scar and p.aetiology == "ischaemic")


@pytest.fixture
def acquisition(patient: Patient) -> Acquisition:
    return acquire(SCANNER, patient.length_mm, np.random.default_rng(3))


def clean(patient: Patient, acquisition: Acquisition) -> tuple[Heart, FloatArray]:
    contrast = acquisition.scanner.contrast
    heart = stack(patient, acquisition)
    wall = wall_signal(heart, contrast.myocardium)
    return heart, anatomy(heart, acquisition, contrast, wall)


def test_shape_and_kind(patient: Patient, acquisition: Acquisition) -> None:
    cine = render(patient, acquisition)
    pixels = acquisition.pixels
    assert cine.shape == (acquisition.slices, acquisition.phases, pixels, pixels)
    assert cine.dtype == np.float32
    assert np.isfinite(cine).all()
    np.testing.assert_array_equal(cine, render(patient, acquisition))


def test_rendered_cavity_has_the_area_and_ejection_fraction_of_the_geometry(
    patient: Patient, acquisition: Acquisition
) -> None:
    acquisition = replace(acquisition, pixels=256, spacing_mm=1.0, phases=25)
    # no scar, whose brightness would count as blood; no papillary muscles above the mid-levels
    heart, cine = clean(replace(patient, lesion=None), acquisition)
    contrast = acquisition.scanner.contrast
    x, y = pixel_mm(acquisition)
    centres = slice_centres(patient, acquisition)
    endocardium, epicardium = heart.contours_mm(phase_times(acquisition))
    cavity = np.pi * np.square(endocardium).mean(axis=2).T
    for z in (0, 1, len(cine) - 2):
        radius = np.hypot(x - centres[z, 0], y - centres[z, 1])
        inside = radius < epicardium[:, z].min()
        blood = np.clip(
            (cine[z] - contrast.myocardium) / (contrast.blood - contrast.myocardium), 0, 1
        )
        areas = (blood * inside).sum(axis=(1, 2))
        np.testing.assert_allclose(areas, cavity[z], rtol=0.08)
    drawn = 1 - cavity.sum(axis=0).min() / cavity.sum(axis=0).max()
    assert drawn == pytest.approx(heart.ejection_fraction, abs=0.01)


def test_the_lesion_is_bright_where_it_lies_and_moves_with_the_wall(
    patient: Patient, acquisition: Acquisition
) -> None:
    heart = stack(patient, acquisition)
    assert patient.lesion is not None
    extent = lesion_extent(heart, patient.lesion)
    signal = wall_signal(heart, 0.3)
    assert signal[extent == 1].mean() > 1.5 * signal[extent == 0].mean()
    healthy = wall_signal(stack(replace(patient, lesion=None), acquisition), 0.3)
    np.testing.assert_allclose(signal[extent == 0], healthy[extent == 0])


def test_noise_is_rician() -> None:
    sigma = 0.05
    air = np.full((200, 200), 1e-12, np.float32)
    blood = np.ones((200, 200), np.float32)
    rng = np.random.default_rng(0)
    add_noise(air, sigma, rng)
    add_noise(blood, sigma, rng)
    # without signal it is Rayleigh, far above the noise it is Gaussian with a small offset
    assert air.mean() == pytest.approx(sigma * np.sqrt(np.pi / 2), rel=0.02)
    assert air.std() == pytest.approx(sigma * np.sqrt(2 - np.pi / 2), rel=0.02)
    assert blood.mean() == pytest.approx(1 + sigma**2 / 2, abs=0.001)
    assert blood.std() == pytest.approx(sigma, rel=0.02)


def test_noise_leaves_the_mask_outside_the_view_at_zero() -> None:
    picture = np.zeros((8, 8), np.float32)
    add_noise(picture, 0.1, np.random.default_rng(0))
    assert not picture.any()


def test_the_coils_make_one_side_brighter(acquisition: Acquisition) -> None:
    field = coil_bias(replace(acquisition, bias=(0.3, 0.0)))
    half = acquisition.pixels // 2
    assert field[half, -1] == pytest.approx(np.exp(0.3), rel=0.02)
    assert field[half, 0] == pytest.approx(np.exp(-0.3), rel=0.02)
    assert field[half - 1 : half + 1, half - 1 : half + 1].mean() == pytest.approx(1, abs=1e-3)


def test_a_round_view_is_zero_in_the_corners(acquisition: Acquisition) -> None:
    scanner = SITES["ge"].exports[0].scanner
    field = coil_bias(replace(acquisition, scanner=scanner))
    assert field[0, 0] == 0
    assert field[acquisition.pixels // 2, 2] > 0


def test_phases_lie_within_one_beat(acquisition: Acquisition) -> None:
    times = phase_times(acquisition)
    assert len(times) == acquisition.phases
    assert 0 < times[0] < times[-1] < 1
    np.testing.assert_allclose(np.diff(times), 1 / acquisition.phases)
