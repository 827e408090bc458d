import numpy as np
import pytest

from fedcmr.phantom.patient import Patient, draw_patient


@pytest.fixture(scope="module")
def cohort() -> list[Patient]:
    rng = np.random.default_rng(1)
    return [draw_patient(rng) for _ in range(2000)]


def test_about_half_carry_a_scar_and_some_an_mvo(cohort: list[Patient]) -> None:
    assert np.mean([p.scar for p in cohort]) == pytest.approx(0.5, abs=0.04)
    assert 0.08 < np.mean([p.mvo for p in cohort]) < 0.25


def test_mvo_lies_in_deep_infarcts_only(cohort: list[Patient]) -> None:
    for patient in cohort:
        if patient.mvo:
            assert patient.aetiology == "ischaemic"
            assert patient.lesion is not None
            assert patient.lesion.depth[1] > 0.8


def test_motion_alone_does_not_tell_the_label(cohort: list[Patient]) -> None:
    scar = np.array([p.scar for p in cohort])
    weak = np.array([p.hypokinesia is not None for p in cohort])
    assert weak[scar].mean() == pytest.approx(weak[~scar].mean(), abs=0.06)
    fraction = np.array([p.ejection_fraction for p in cohort])
    assert fraction[scar].mean() == pytest.approx(fraction[~scar].mean(), abs=0.015)


def test_aetiology_alone_does_not_tell_the_label(cohort: list[Patient]) -> None:
    for aetiology in ("ischaemic", "non-ischaemic"):
        scars = [p.scar for p in cohort if p.aetiology == aetiology]
        assert 0.3 < np.mean(scars) < 0.75


def test_an_infarct_hardly_moves_and_mid_wall_scar_moves_as_its_neighbours(
    cohort: list[Patient],
) -> None:
    for patient in cohort:
        if patient.lesion is None:
            continue
        if patient.aetiology == "ischaemic":
            assert patient.lesion.depth[0] == 0
            assert patient.lesion.thinning > 0
            assert patient.hypokinesia is not None
            assert patient.hypokinesia.patch == patient.lesion.patch
        else:
            assert patient.lesion.depth[0] > 0
            assert patient.lesion.thinning == 0
            assert patient.hypokinesia is None


def test_the_same_seed_draws_the_same_patient() -> None:
    assert draw_patient(np.random.default_rng(3)) == draw_patient(np.random.default_rng(3))
    assert draw_patient(np.random.default_rng(3)) != draw_patient(np.random.default_rng(4))
