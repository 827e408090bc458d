import csv
import io

from metrics_files import METRICS
from provenance_files import HOSTILE, PROVENANCE

from fedcmr.release.layout import TABLES
from fedcmr.release.tables import by_table, csv_tables, curve


def _rows(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(csv_tables(METRICS, PROVENANCE)[name])))


def test_the_tables_are_those_of_a_release() -> None:
    assert sorted(csv_tables(METRICS, PROVENANCE)) == list(TABLES)


def test_areas_of_every_group_and_of_the_means() -> None:
    rows = _rows("auc_by_group.csv")
    assert len(rows) == 1 + len(METRICS.strata) + 2
    assert rows[0]["auc"] == "0.834"
    hidden = [row for row in rows if row["auc"] == "suppressed"]
    assert len(hidden) == sum(s.result == "suppressed" for s in METRICS.strata)
    assert all(row["n"] == row["auc_low"] == "suppressed" for row in hidden)
    west = next(row for row in rows if row["group"] == "west")
    assert set(west.values()) == {"Site", "west", "withheld"}


def test_every_threshold_of_every_group_adds_up() -> None:
    rows = [row for row in _rows("thresholds.csv") if row["group"] == "all"]
    assert [row["threshold"] for row in rows] == ["youden", "sensitivity_90", "published"]
    for row in rows:
        parts = ("true_positive", "false_positive", "false_negative", "true_negative")
        assert sum(int(row[part]) for part in parts) == 1211


def test_curves_and_comparisons() -> None:
    assert len(_rows("roc.csv")) == 33 + 1  # two thresholds are on edges of the curve
    assert len(_rows("calibration.csv")) == 10
    assert [row["other"] for row in _rows("comparisons.csv")] == ["centralised", "north only"]


def test_training_shows_sites_only_where_they_allow_it() -> None:
    rows = _rows("training.csv")
    assert {row["site"] for row in rows} == {"all", "north", "south"}
    assert sum(row["site"] == "all" for row in rows) == 12


def test_participation_names_everyone_and_the_reason() -> None:
    rows = _rows("participation.csv")
    assert len(rows) == 12 * 4
    [missed] = [row for row in rows if row["round"] == "9" and row["part"] == "missed"]
    assert missed["reason"] == HOSTILE
    assert missed["ended_after_s"] == "3600.0"


def test_a_word_is_no_formula() -> None:
    site = PROVENANCE.sites[3]
    bad = site.rounds_missed[0].model_copy(update={"reason": "=HYPERLINK(1)"})
    other = site.model_copy(update={"rounds_missed": (bad,)})
    text = csv_tables(METRICS, PROVENANCE.model_copy(update={"sites": (other,)}))
    assert "'=HYPERLINK(1)" in text["participation.csv"]


def test_the_curve_goes_through_the_printed_thresholds() -> None:
    bare = METRICS.model_copy(update={"roc": ()})
    found = {point.threshold: point for point in curve(bare)}
    assert sorted(found) == [0.28125, 0.4375, 0.44]
    point = found[0.4375]
    assert (point.sensitivity.value, point.false_positive_rate.value) == (0.81, 1 - 0.74)
    assert point.false_positive_rate.low < 1 - 0.74 < point.false_positive_rate.high
    assert curve(METRICS.model_copy(update={"overall": "suppressed"})) == []


def test_what_must_not_show_leaves_an_empty_table() -> None:
    hidden = METRICS.model_copy(update={"roc": "suppressed", "calibration": "suppressed"})
    texts = csv_tables(hidden, PROVENANCE)
    assert len(texts["roc.csv"].splitlines()) == len(texts["calibration.csv"].splitlines()) == 1


def test_flags_that_no_study_has_are_left_out() -> None:
    flag = METRICS.strata[0].model_copy(update={"by": ("flag few_slices",), "level": ("no",)})
    assert list(by_table(METRICS.model_copy(update={"strata": (flag,)}))) == []
    both = (flag, flag.model_copy(update={"level": ("yes",)}))
    assert list(by_table(METRICS.model_copy(update={"strata": both}))) == [
        "Quality flag few_slices"
    ]
