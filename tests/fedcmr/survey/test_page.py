import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from survey_files import sites, sums

from fedcmr.config import Experiment
from fedcmr.survey.figures import merged
from fedcmr.survey.page import survey_files
from fedcmr.survey.sums import SurveySums

EXPERIMENT = Experiment(name="scar")
ALL = {"north", "south", "east", "west"}


def _row(text: str, name: str) -> str:
    text = text[text.index('aria-label="Studies by site"') :]
    row = text[text.index(f'<th scope="row">{name}</th>') :]
    return row[: row.index("</tr>")]


def _page(
    per_site: dict[str, SurveySums], experiment: Experiment = EXPERIMENT, *, by_site: set[str]
) -> str:
    return survey_files(per_site, experiment, by_site=by_site)["survey.html"]


@pytest.fixture(scope="module")
def page() -> str:
    return _page(sites(), by_site=ALL - {"west"})


def test_the_same_sums_give_the_same_page(page: str) -> None:
    turned = dict(reversed(sites().items()))
    assert _page(turned, by_site=ALL - {"west"}) == page


def test_pooled_results_and_the_stamp_are_printed(page: str) -> None:
    assert "PHANTOM" in page
    assert "630" in page
    assert "Vendor × field strength" in page


def test_a_site_that_contradicts_the_experiment_is_named(page: str) -> None:
    assert re.search(r"<strong>west</strong>: no positive study.*wrong spacing", page)


def test_a_site_whose_policy_forbids_it_shows_no_number(page: str) -> None:
    assert "withheld" in _row(page, "west")
    assert page.count('<th scope="row">west</th>') == 1
    # West could be had by subtraction if all three others showed.
    assert sum("suppressed" in _row(page, name) for name in ALL - {"west"}) == 1


def test_a_small_site_shows_no_number() -> None:
    small = {"north": sums("north", 240, seed=0), "tiny": sums("tiny", 12, seed=2)}
    text = _page(small, by_site={"north", "tiny"})
    assert all("suppressed" in _row(text, name) for name in small)


def test_a_small_split_cannot_be_had_from_the_test_part_of_the_release() -> None:
    few = {name: sums(name, 50, seed=seed) for seed, name in enumerate(("east", "north", "south"))}
    split = [s for one in few.values() for s in one.strata if s.by == ("split",)]
    sizes = {
        level: sum(s.positive for s in split if s.level == (level,))
        for level in ("train", "validation", "test")
    }
    assert min(sizes.values()) < 10 <= sorted(sizes.values())[1]
    text = _page(few, by_site=set(few))
    text = text[text.index("Part of the data sets") : text.index(">Vendor<")]
    assert text.count("suppressed") == 3


def test_tables_show_no_site_that_the_page_hides() -> None:
    files = survey_files(sites(), EXPERIMENT, by_site=ALL - {"west"})
    shown = {name for name in ALL if 'class="n"' in _row(files["survey.html"], name)}
    quartiles = files["survey_quartiles.csv"].splitlines()[1:]
    assert {line.split(",")[0] for line in quartiles} == {"all", *shown}
    assert len(shown) == 2
    tiny = survey_files({"tiny": sums("tiny", 6, seed=2)}, EXPERIMENT, by_site={"tiny"})
    assert len(tiny["survey_histograms.csv"].splitlines()) == 1


def test_a_federation_of_nobody_shows_nothing() -> None:
    text = _page({"tiny": sums("tiny", 6, seed=2)}, by_site={"tiny"})
    assert "Suppressed: fewer than 10" in text
    assert "<svg" not in text


def test_few_unlabelled_studies_are_not_counted_out() -> None:
    text = _page({"north": sums("north", 240, seed=0)}, by_site={"north"})
    assert "&lt; 10<small>not counted below" in text


@given(st.lists(st.integers(0, 30), min_size=1, max_size=40), st.integers(1, 20))
@settings(max_examples=200, deadline=None)
def test_merged_bars_hide_small_counts_and_lose_none(counts: list[int], minimum: int) -> None:
    groups = merged(tuple(counts), minimum)
    if sum(counts) < minimum:
        assert groups == []
        return
    assert all(studies >= minimum for _, _, studies in groups)
    assert sum(studies for _, _, studies in groups) == sum(counts)
    assert all(studies == sum(counts[first:end]) for first, end, studies in groups)


def test_where_a_sample_is_a_slice_the_page_says_so_and_counts_them(page: str) -> None:
    slices = Experiment(name="mvo", task="mvo", preprocessing={"slices": 1})
    many = {
        name: one.model_copy(update={"samples": 9 * one.n, "positive_samples": 2 * one.n})
        for name, one in sites().items()
    }
    text = _page(many, slices, by_site=ALL)
    assert "Training and results count slices." in text
    assert "<dt>Labelled slices</dt><dd>5,670<small>1,260 positive" in text.replace("\u202f", ",")
    assert "slices." not in page
