"""Case-level results are those of outside libraries to the last digit."""

from dataclasses import replace

import numpy as np
import pytest
from MLstatkit import Delong_test
from reference.auc import slow_auc
from reference.brier import slow_brier_parts
from reference.confusion import slow_confusion
from reference.delong import slow_delong_variance
from scipy.special import logit
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score, roc_curve

from fedcmr.errors import DataError
from fedcmr.evaluation.cases import Cases
from fedcmr.evaluation.exact import exact_results


def _cases(n: int, seed: int, digits: int = 16, shift: float = 1.0) -> Cases:
    rng = np.random.default_rng(seed)
    labels = np.array([1, 1, 0, 0, *(rng.random(n - 4) < 0.3)], dtype=np.int64)
    scores = np.round(1 / (1 + np.exp(-rng.normal(shift * labels, 1))), digits)
    vendors = tuple(
        (str(v),) for v in rng.choice(["GE", "Siemens", "rare"], n, p=[0.5, 0.49, 0.01])
    )
    studies = tuple(f"{i:05}" for i in range(n))
    return Cases(studies, labels, scores, {("vendor",): vendors}, 0)


def _other(cases: Cases, seed: int, digits: int) -> Cases:
    noise = np.random.default_rng(seed).normal(0, 0.15, len(cases.scores))
    return replace(cases, scores=np.round((cases.scores + noise).clip(0, 1), digits))


@pytest.mark.parametrize("digits", [1, 2, 16])
@pytest.mark.parametrize(("n", "seed"), [(30, 1), (200, 2), (6000, 3)])
def test_delong_is_that_of_mlstatkit(n: int, seed: int, digits: int) -> None:
    cases = _cases(n, seed, digits)
    other = _other(cases, seed, digits)
    (found,) = exact_results(cases, {"other": other}, [0.5]).comparisons
    p = Delong_test(cases.labels, cases.scores, other.scores)[1]
    assert found.p == pytest.approx(p, abs=1e-9)
    assert found.auc.value == pytest.approx(roc_auc_score(cases.labels, cases.scores), abs=1e-12)
    assert found.other.value == pytest.approx(roc_auc_score(cases.labels, other.scores), abs=1e-12)
    assert found.auc.bound == found.other.bound == 0


def test_numbers_are_those_of_sklearn_and_slow_versions() -> None:
    cases = _cases(300, 4, 2)
    found = exact_results(cases, {}, [0.44, 0.7])
    labels, scores = cases.labels.tolist(), cases.scores.tolist()
    assert found.overall.auc.value == pytest.approx(slow_auc(labels, scores), abs=1e-12)
    assert found.overall.brier == pytest.approx(brier_score_loss(labels, scores), rel=1e-12)
    assert found.overall.loss == pytest.approx(log_loss(labels, scores), rel=1e-9)
    for threshold, at in zip((0.44, 0.7), found.overall.at, strict=True):
        counts = at.counts
        assert slow_confusion(labels, scores, threshold) == (
            counts.true_positive,
            counts.false_positive,
            counts.false_negative,
            counts.true_negative,
        )
    half = (logit(found.overall.auc.high) - logit(found.overall.auc.low)) / 2
    value = found.overall.auc.value
    spread = slow_delong_variance(labels, scores) ** 0.5 / (value * (1 - value))
    assert 1.96 < half / spread < 2.0
    edges = [part.low for part in found.calibration.bins[1:]]
    parts = slow_brier_parts(list(zip(labels, scores, strict=True)), edges)
    assert found.calibration.parts.model_dump() == pytest.approx(parts, abs=1e-9)
    assert len(edges) > 3


def test_the_curve_has_every_point() -> None:
    cases = _cases(300, 5, 2)
    found = exact_results(cases, {})
    false, true, _ = roc_curve(cases.labels, cases.scores, drop_intermediate=False)
    points = {(p.false_positive_rate.value, p.sensitivity.value) for p in found.roc}
    expected = sorted({*zip(false.tolist(), true.tolist(), strict=True)})
    assert np.array(sorted(points)) == pytest.approx(np.array(expected))


def test_strata_have_their_own_results_and_one_class_says_so() -> None:
    cases = _cases(400, 6)
    found = exact_results(cases, {})
    rows = {row.level[0]: row for row in found.strata}
    assert sum(row.n for row in rows.values()) == 400
    for name, row in rows.items():
        inside = np.array([level == (name,) for level in cases.strata["vendor",]])
        assert (row.n, row.positives) == (inside.sum(), cases.labels[inside].sum())
        if row.result is None:
            assert row.positives in (0, row.n)
        else:
            assert row.result.auc.value == pytest.approx(
                roc_auc_score(cases.labels[inside], cases.scores[inside])
            )
            assert row.result.auc.bound == 0
    assert rows["GE"].p_holm is not None
    assert found.gaps[0].worst_auc.bound == 0


def test_thresholds_that_were_chosen_on_the_cases_say_so() -> None:
    found = exact_results(_cases(100, 7), {})
    assert all("optimistic" in threshold.rule for threshold in found.thresholds)
    sensitivity = found.overall.at[1].sensitivity
    assert sensitivity is not None
    assert sensitivity.value >= 0.9


def test_scores_at_the_ends_are_told_apart_from_their_neighbours() -> None:
    labels = np.array([0, 1, 0, 1, 0, 1])
    scores = np.array([0.0, 1.0, 0.999, 0.001, 0.5, 1.0])
    cases = Cases(tuple("abcdef"), labels, scores, {}, 0)
    found = exact_results(cases, {})
    assert found.overall.auc.value == pytest.approx(slow_auc(labels.tolist(), scores.tolist()))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"studies": tuple("abcdex")}, "2 studies are scored by only one"),
        ({"labels": np.array([0, 1, 0, 1, 0, 0])}, "another label"),
    ],
)
def test_other_cases_cannot_be_compared(change: dict, words: str) -> None:
    cases = Cases(tuple("abcdef"), np.array([0, 1] * 3), np.linspace(0, 1, 6), {}, 0)
    with pytest.raises(DataError, match=words):
        exact_results(cases, {"b.csv": replace(cases, **change)})


def test_one_class_has_no_auc() -> None:
    cases = Cases(tuple("abc"), np.ones(3, dtype=np.int64), np.linspace(0, 1, 3), {}, 0)
    with pytest.raises(DataError, match="both classes"):
        exact_results(cases, {})
