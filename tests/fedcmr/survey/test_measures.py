import numpy as np
import pytest
from survey_files import records

from fedcmr.survey.measures import INTENSITY_BINS, MEASURES, intensity_shares

BY_NAME = {measure.name: measure for measure in MEASURES}


def test_every_study_counts_once_also_beyond_the_edges() -> None:
    made = (
        *records("a", 1, seed=0, spacing_mm=0.01),
        *records("b", 1, seed=0, spacing_mm=9.0),
        *records("c", 2, seed=0, spacing_mm=1.5),
    )
    counts = BY_NAME["spacing_mm"].histogram(made)
    assert sum(counts) == 4
    assert counts[0] == counts[-1] == 1
    assert max(counts) == 2


@pytest.mark.parametrize(
    ("name", "value"), [("spacing_mm", 1.5), ("slices", 10), ("phases", 25), ("rr_ms", 925.0)]
)
def test_a_bin_stands_for_what_lies_in_it(name: str, value: float) -> None:
    counts = BY_NAME[name].histogram(tuple(records("a", 5, seed=0, **{name: value})))
    assert BY_NAME[name].quantile(counts, 0.5) == pytest.approx(value)


def test_quantiles_are_those_of_the_values() -> None:
    made = tuple(records("a", 500, seed=0))
    measure = BY_NAME["rr_ms"]
    values = [record.rr_ms for record in made]
    for part in (0.25, 0.5, 0.75):
        found = measure.quantile(measure.histogram(made), part)
        assert found == pytest.approx(np.quantile(values, part), abs=26)


def test_intensity_is_counted_on_equal_bins_of_the_first_phase() -> None:
    cine = np.zeros((2, 3, 4, 4), dtype=np.uint16)
    cine[0, 0] = 65535
    cine[0, 0, 0, 0] = 2048
    cine[:, 1:] = 30000
    shares = intensity_shares(cine)
    assert shares.shape == (INTENSITY_BINS,)
    assert shares[-1] == 15 / 16
    assert shares[1] == 1 / 16
    assert shares.sum() == pytest.approx(1)


def test_an_empty_study_has_no_share() -> None:
    assert not intensity_shares(np.zeros((2, 3, 4, 4), dtype=np.uint16)).any()
