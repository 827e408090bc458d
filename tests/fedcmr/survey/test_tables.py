"""The numbers behind the figure of a survey."""

import csv

import pytest
from survey_files import sites, sums

from fedcmr.survey.figures import merged
from fedcmr.survey.measures import INTENSITY_BINS, MEASURES
from fedcmr.survey.sums import total
from fedcmr.survey.tables import csv_tables

NAMES = {"survey_histograms.csv", "survey_quartiles.csv", "survey_intensity.csv"}


def _rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(text.splitlines()))


def test_the_tables_hold_what_the_figure_shows() -> None:
    pooled, shown = total(list(sites().values())), {"north": sites()["north"]}
    tables = csv_tables(pooled, shown, 10)
    assert tables.keys() == NAMES
    bars = _rows(tables["survey_histograms.csv"])
    for measure in MEASURES:
        own = [row for row in bars if row["measure"] == measure.name]
        found = merged(pooled.measures[measure.name], 10)
        assert [int(row["studies"]) for row in own] == [studies for _, _, studies in found]
        assert all(float(row["low"]) < float(row["high"]) for row in own)
    assert min(int(row["studies"]) for row in bars) >= 10
    quartiles = _rows(tables["survey_quartiles.csv"])
    assert {row["site"] for row in quartiles} == {"all", "north"}
    spacing = next(row for row in quartiles if row["measure"] == "spacing_mm")
    counts = pooled.measures["spacing_mm"]
    assert float(spacing["median"]) == MEASURES[0].quantile(counts, 0.5)
    assert float(spacing["lower_quartile"]) == MEASURES[0].quantile(counts, 0.25)
    assert float(spacing["upper_quartile"]) == MEASURES[0].quantile(counts, 0.75)
    intensity = _rows(tables["survey_intensity.csv"])
    assert len(intensity) == 2 * INTENSITY_BINS
    assert float(intensity[-1]["high"]) == 1
    share = sum(float(row["share_of_pixels"]) for row in intensity if row["site"] == "north")
    assert share == pytest.approx(sum(shown["north"].intensity) / shown["north"].n)


def test_where_nothing_may_show_the_tables_have_no_row() -> None:
    tables = csv_tables(None, {"tiny": sums("tiny", 6, seed=2)}, 10)
    assert tables.keys() == NAMES
    assert all(len(text.splitlines()) == 1 for text in tables.values())
