from datetime import date

import numpy as np

from fedcmr.phantom.patient import draw_patient
from fedcmr.phantom.person import Person, draw_person


def person(seed: int = 0, index: int = 7) -> Person:
    rng = np.random.default_rng(seed)
    return draw_person(draw_patient(rng), "ge", index, rng)


def test_uids_are_valid_distinct_and_equally_long() -> None:
    uids = [person().uid("image", series, n) for series in range(3) for n in range(50)]
    assert len(set(uids)) == len(uids)
    assert {len(uid) for uid in uids} == {44}
    assert all(int(uid.removeprefix("2.25.")) < 2**128 for uid in uids)
    assert person().uid("study") == person().uid("study")
    assert person(1).uid("study") != person().uid("study")


def test_birth_date_and_age_agree() -> None:
    for seed in range(40):
        rng = np.random.default_rng(seed)
        patient = draw_patient(rng)
        drawn = draw_person(patient, "ge", 1, rng)
        days = date.fromisoformat(drawn.study_date) - date.fromisoformat(drawn.birth_date)
        assert int(days.days / 365.25) == patient.age


def test_patient_ids_do_not_repeat_within_a_site() -> None:
    assert len({person(n % 3, n).patient_id for n in range(100)}) == 100
