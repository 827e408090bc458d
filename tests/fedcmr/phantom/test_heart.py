from dataclasses import replace

import numpy as np
import pytest

from fedcmr.phantom.heart import SYSTOLE, Heart, activation, stack_levels
from fedcmr.phantom.patient import Hypokinesia, Lesion, Patch, Patient, draw_patient

PATCH = Patch(angle=np.pi, half_width=0.6, level=0.5, half_length=0.3)


@pytest.fixture
def patient() -> Patient:
    return replace(
        draw_patient(np.random.default_rng(0)),
        lesion=None,
        hypokinesia=None,
        length_mm=90.0,
        ejection_fraction=0.5,
    )


def cut(patient: Patient) -> Heart:
    return Heart(patient, stack_levels(patient.length_mm, 11, 8.0), 8.0)


def test_contraction_is_periodic_and_peaks_at_end_systole() -> None:
    times = np.linspace(0, 1, 400, endpoint=False)
    curve = activation(times)
    assert times[curve.argmax()] == pytest.approx(SYSTOLE, abs=0.003)
    assert curve.min() == 0
    assert curve.max() == pytest.approx(1)
    np.testing.assert_allclose(activation(times + 3), curve, atol=1e-9)


@pytest.mark.parametrize("fraction", [0.27, 0.45, 0.65])
def test_volumes_give_the_drawn_ejection_fraction(patient: Patient, fraction: float) -> None:
    heart = cut(replace(patient, ejection_fraction=fraction))
    volumes = heart.volume_ml(np.linspace(0, 1, 200))
    assert 1 - volumes.min() / volumes.max() == pytest.approx(fraction, abs=1e-3)
    assert heart.ejection_fraction == pytest.approx(fraction, abs=1e-3)
    assert 60 < volumes.max() < 250


def test_ejection_fraction_is_reached_around_weak_wall(patient: Patient) -> None:
    heart = cut(replace(patient, hypokinesia=Hypokinesia(PATCH, 0.1)))
    assert heart.ejection_fraction == pytest.approx(0.5, abs=1e-3)


def test_weak_wall_neither_moves_nor_thickens(patient: Patient) -> None:
    heart = cut(replace(patient, hypokinesia=Hypokinesia(PATCH, 0.0)))
    endocardium, epicardium = heart.contours_mm(np.array([0.0, SYSTOLE]))
    wall = epicardium - endocardium
    middle, lateral, septal = 5, 90, 0
    assert endocardium[1, middle, lateral] == pytest.approx(endocardium[0, middle, lateral])
    assert wall[1, middle, lateral] == pytest.approx(wall[0, middle, lateral])
    assert endocardium[1, middle, septal] < 0.8 * endocardium[0, middle, septal]
    assert wall[1, middle, septal] > 1.2 * wall[0, middle, septal]


def test_scarred_wall_is_thin_and_the_rest_is_not(patient: Patient) -> None:
    scarred = cut(replace(patient, lesion=Lesion(PATCH, (0.0, 1.0), 0.3, 1.0)))
    healthy = cut(patient)
    for heart, expected in ((scarred, 0.7), (healthy, 1.0)):
        endocardium, epicardium = heart.contours_mm(np.array([0.0]))
        wall = (epicardium - endocardium)[0, 5]
        assert wall[90] == pytest.approx(expected * patient.wall_mm)
        assert wall[0] == pytest.approx(patient.wall_mm)


def test_the_stack_runs_from_base_to_apex() -> None:
    levels = stack_levels(80.0, 10, 8.0)
    assert levels[0] == pytest.approx(0.03)
    np.testing.assert_allclose(np.diff(levels), 0.1)
