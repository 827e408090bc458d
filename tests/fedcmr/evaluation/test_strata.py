from dataclasses import replace

import pytest

from fedcmr.data.record import StudyRecord
from fedcmr.evaluation.strata import COLUMNS, FLAG_COLUMNS, TABLES, VIEWS, levels, view_of
from fedcmr.ingest.quality import FLAGS

RECORD = StudyRecord(
    "ab", "cd", "GE", "1.5T", "Signa", "F", "40-49", "none",
    1, None, "test", 10, 20, 1.4, 8.0, 800.0, ("weak_motion",),
)  # fmt: skip


def test_levels_are_those_of_the_record() -> None:
    given = levels(RECORD)
    assert set(given) == set(COLUMNS)
    assert (given["vendor"], given["field_strength"], given["model"]) == ("GE", "1.5T", "Signa")
    assert (given["sex"], given["age_band"], given["aetiology"]) == ("F", "40-49", "none")
    assert {name for name in FLAG_COLUMNS if given[name] == "yes"} == {"flag weak_motion"}


@pytest.mark.parametrize(
    ("field", "level"),
    [("0.35T", "below 1T"), ("0.55T", "below 1T"), ("3T", "3T"), ("unknown", "unknown")],
)
def test_fields_below_one_tesla_are_one_level(field: str, level: str) -> None:
    assert levels(replace(RECORD, field_strength=field))["field_strength"] == level


def test_views_are_margins_of_their_table() -> None:
    assert all(set(view) <= set(table) for table in TABLES for view in VIEWS[table])
    table = ("vendor", "field_strength", "model")
    assert view_of(table, ("vendor", "field_strength"), ("GE", "3T", "Signa")) == ("GE", "3T")
    assert view_of(table, ("model",), ("GE", "3T", "withheld")) is None
    assert view_of(table, ("vendor",), ("GE", "3T", "withheld")) == ("GE",)


def test_flags_that_only_a_positive_patient_can_have_are_no_groups() -> None:
    of_positives = ("mask_contradicts_label", "mvo_off_crop", "mvo_one_pixel")
    assert {*of_positives} < {*FLAGS}
    given = levels(replace(RECORD, flags=(*of_positives, "mask_gap")))
    assert [name for name, value in given.items() if value == "yes"] == ["flag mask_gap"]
