from dataclasses import replace

import numpy as np
import pytest

from fedcmr.phantom.lge import NULLED, SHORT_OF_NULL, render_lge
from fedcmr.phantom.patient import Patient, draw_patient
from fedcmr.phantom.render import pixel_mm, slice_centres, stack
from fedcmr.phantom.scanner import Acquisition, acquire
from fedcmr.phantom.sites import SITES
from fedcmr.types import FloatArray


@pytest.fixture
def patient() -> Patient:
    rng = np.random.default_rng(4)
    return next(p for p in (draw_patient(rng) for _ in range(200)) if p.mvo)


@pytest.fixture
def acquisition(patient: Patient) -> Acquisition:
    scanner = SITES["siemens"].exports[0].scanner
    drawn = acquire(scanner, patient.length_mm, np.random.default_rng(5))
    return replace(drawn, pixels=256, spacing_mm=1.0, noise=0.01, bias=(0.0, 0.0))


def ray(
    picture: FloatArray, patient: Patient, plan: Acquisition, z: int, angle: float
) -> FloatArray:
    """Return the signal from the ventricle's centre outwards, a value a millimetre."""
    x, y = pixel_mm(plan)
    centre = slice_centres(patient, plan)[z]
    out = np.arange(60)
    turned = angle + patient.septum_angle
    columns = np.rint(centre[0] + out * np.cos(turned) - x[0, 0]).astype(int)
    rows = np.rint(centre[1] + out * np.sin(turned) - y[0, 0]).astype(int)
    return picture[z, rows, columns]


def test_scar_is_bright_mvo_dark_and_healthy_wall_nulled(
    patient: Patient, acquisition: Acquisition
) -> None:
    assert patient.lesion is not None
    heart = stack(patient, acquisition)
    z = int(np.abs(heart.levels - patient.lesion.patch.level).argmin())
    magnitude, real = render_lge(patient, acquisition)
    no_flow = ray(real, patient, acquisition, z, patient.lesion.patch.angle)
    _, with_flow = render_lge(replace(patient, mvo=False), acquisition)
    scarred = ray(with_flow, patient, acquisition, z, patient.lesion.patch.angle)
    healthy = ray(real, patient, acquisition, z, patient.lesion.patch.angle + np.pi)
    dark = no_flow < scarred - 0.5
    assert dark.sum() >= 2
    assert scarred[dark].min() > 0.6
    assert healthy.min() == pytest.approx(SHORT_OF_NULL, abs=0.05)
    assert (magnitude >= 0).all()
    assert real.min() < -0.05


def test_nothing_within_a_healthy_ventricle_is_brighter_than_blood(
    patient: Patient, acquisition: Acquisition
) -> None:
    z = 4
    x, y = pixel_mm(acquisition)
    centre = slice_centres(patient, acquisition)[z]
    inside = np.hypot(x - centre[0], y - centre[1]) < patient.endocardial_radius_mm
    _, healthy = render_lge(replace(patient, lesion=None, mvo=False), acquisition)
    _, scarred = render_lge(patient, acquisition)
    assert healthy[z][inside].max() < NULLED.blood + 0.1
    assert scarred[z][inside].max() > 0.8
