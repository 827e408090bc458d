from collections.abc import Callable
from xml.etree import ElementTree

import pytest
from metrics_files import METRICS
from provenance_files import HOSTILE, PROVENANCE

from fedcmr.release.figures.calibration import calibration
from fedcmr.release.figures.comparison import comparison
from fedcmr.release.figures.forest import MOST_ROWS, forests
from fedcmr.release.figures.roc import roc
from fedcmr.release.figures.timeline import stretches, timeline
from fedcmr.release.figures.training import training

FIGURES: dict[str, Callable[[], str | None]] = {
    "forest": lambda: forests(METRICS)[0],
    "roc": lambda: roc(METRICS),
    "calibration": lambda: calibration(METRICS),
    "comparison": lambda: comparison(METRICS),
    "training": lambda: training(PROVENANCE),
    "timeline": lambda: timeline(PROVENANCE),
}


def _words(svg: str | None) -> str:
    assert svg is not None
    return " ".join(ElementTree.fromstring(svg).itertext())


@pytest.mark.parametrize("name", FIGURES)
def test_the_same_facts_give_the_same_bytes(name: str) -> None:
    assert FIGURES[name]() == FIGURES[name]()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("forest", "Vendor"),
        ("forest", "suppressed"),
        ("roc", "sensitivity 0.810, specificity 0.740"),
        ("calibration", "score 0.05: 0.08 of 260"),
        ("comparison", "centralised: AUC 0.841"),
        ("training", "validation, pooled"),
        ("training", "The weights of round 10 are released"),
        ("timeline", "evaluates only"),
        ("timeline", "south: 9 of 12 rounds"),
        ("timeline", "1 h 07 min"),
    ],
)
def test_figures_say_what_they_show(name: str, words: str) -> None:
    assert words in _words(FIGURES[name]())


def test_a_long_forest_takes_several_sheets() -> None:
    assert len(forests(METRICS)) == 2
    stratum = METRICS.strata[0]
    many = tuple(stratum.model_copy(update={"level": (f"level {n}",)}) for n in range(90))
    sheets = forests(METRICS.model_copy(update={"strata": many}))
    assert len(sheets) == 4
    assert all(_words(sheet).count("level ") <= 2 * MOST_ROWS for sheet in sheets)
    together = " ".join(_words(sheet) for sheet in sheets)
    assert all(f"level {n}:" in together for n in range(90))


def test_a_training_loss_that_privacy_kept_is_not_drawn() -> None:
    kept = tuple(
        entry.model_copy(
            update={
                "loss": None,
                "parts": tuple(p.model_copy(update={"loss": None}) for p in entry.parts),
            }
        )
        for entry in PROVENANCE.history
    )
    words = _words(training(PROVENANCE.model_copy(update={"history": kept})))
    assert "No training loss was told." in words
    assert "mean of sites" not in words
    assert "validation, pooled" in words


def test_what_must_not_show_is_not_drawn() -> None:
    hidden = METRICS.model_copy(
        update={"overall": "suppressed", "roc": "suppressed", "calibration": "suppressed"}
    )
    assert roc(hidden) is None
    assert calibration(hidden) is None
    assert "All test cases: suppressed" in _words(forests(hidden)[0])
    assert comparison(METRICS.model_copy(update={"comparisons": ()})) is None
    bare = PROVENANCE.model_copy(update={"history": ()})
    assert training(bare) is None
    assert timeline(bare) is None


def test_many_sites_and_rounds_are_drawn_without_names() -> None:
    entry = next(e for e in PROVENANCE.history if e.parts)
    parts = tuple(entry.parts[0].model_copy(update={"site": f"s{n}"}) for n in range(9))
    history = tuple(entry.model_copy(update={"parts": parts, "round": n}) for n in range(1, 60))
    words = _words(training(PROVENANCE.model_copy(update={"history": history})))
    assert "s8" not in words
    assert "training, mean of sites" in words


def test_words_in_a_figure_stay_words() -> None:
    other = METRICS.comparisons[0].model_copy(update={"name": HOSTILE})
    svg = comparison(METRICS.model_copy(update={"comparisons": (other,)}))
    assert HOSTILE in _words(svg)


def test_stretches_of_rounds() -> None:
    assert stretches([]) == []
    assert stretches([1, 2, 3, 7, 9, 10]) == [(1, 3), (7, 7), (9, 10)]
