import json
from collections.abc import Callable

import numpy as np
import pytest
from case_files import EDGES, level
from reference.auc import slow_auc
from reference.confusion import slow_confusion

from fedcmr.config import EvaluationSettings
from fedcmr.errors import DataError
from fedcmr.evaluation.joint import collect_joint, joint_edges
from fedcmr.evaluation.metrics import metrics
from fedcmr.evaluation.results import SUPPRESSED, WITHHELD, GroupResult, Hidden, Metrics, Stratum
from fedcmr.evaluation.sums import EvaluationSums, collect, total

SETTINGS = EvaluationSettings()
NAMES = ("north", "south", "west")


def _sites(cases: Callable, n: int) -> dict[str, tuple]:
    return {name: cases(n, seed) for seed, name in enumerate(NAMES, 10)}


def _collected(sites: dict[str, tuple]) -> dict[str, EvaluationSums]:
    return {name: collect(*site, edges=EDGES) for name, site in sites.items()}


def _pooled(per_site: dict[str, EvaluationSums]) -> EvaluationSums:
    return total(per_site.values(), edges=EDGES)


def _shown(result: GroupResult | Hidden) -> GroupResult:
    assert isinstance(result, GroupResult)
    return result


def _rows(report: Metrics, *by: str) -> dict[tuple[str, ...], Stratum]:
    return {row.level: row for row in report.strata if row.by == by}


def test_federated_numbers_are_the_pooled_ones(cases: Callable) -> None:
    sites = _sites(cases, 200)
    per_site = _collected(sites)
    validation = collect(*cases(300, 1), edges=EDGES)
    report = metrics(validation, _pooled(per_site), per_site, SETTINGS, open_sites=NAMES)
    labels = np.concatenate([site[0] for site in sites.values()])
    scores = np.concatenate([site[1] for site in sites.values()])
    overall, at = _shown(report.overall), _shown(report.overall).at[0]
    exact = slow_auc(labels.tolist(), scores.tolist())
    assert abs(overall.auc.value - exact) <= overall.auc.bound <= 0.01
    assert overall.auc.low < exact < overall.auc.high
    assert (overall.n, overall.positives) == (600, labels.sum())
    assert overall.brier == pytest.approx(np.mean((scores - labels) ** 2))
    assert at.threshold == "youden"
    assert report.threshold.value == report.thresholds[0].value
    tp, fp, fn, tn = slow_confusion(labels.tolist(), scores.tolist(), report.threshold.value)
    assert at.sensitivity is not None
    assert at.sensitivity.value == tp / (tp + fn)
    assert (at.counts.false_positive, at.counts.true_negative) == (fp, tn)
    assert report.within_site.sites == 3
    assert report.heterogeneity is not None
    assert report.heterogeneity.sites == 3


def test_every_stratum_and_site_has_its_own_numbers(cases: Callable) -> None:
    sites = _sites(cases, 200)
    per_site = _collected(sites)
    report = metrics(_pooled(per_site), _pooled(per_site), per_site, SETTINGS, open_sites=NAMES)
    assert set(_rows(report, "vendor")) == {("GE",), ("Philips",), ("Siemens",)}
    assert len(_rows(report, "vendor", "field_strength")) == 6
    assert [row.level for row in report.strata[-3:]] == [(name,) for name in NAMES]
    for row in report.strata:
        chosen = [
            (label, score)
            for name, (labels, scores, levels) in sites.items()
            for label, score, of in zip(labels, scores, levels, strict=True)
            if tuple({**of, "site": name}[by] for by in row.by) == row.level
        ]
        result = _shown(row.result)
        assert result.n == len(chosen)
        assert abs(result.auc.value - slow_auc(*zip(*chosen, strict=True))) <= result.auc.bound
        assert row.p_holm is not None


def test_a_small_stratum_is_suppressed_and_cannot_be_subtracted() -> None:
    levels = [level(vendor) for vendor in ("GE", "Philips", "Siemens")]
    strata = [levels[0]] * 12 + [levels[1]] * 60 + [levels[2]] * 100
    labels = [index % 2 for index in range(172)]
    scores = [(index * 37 % 101) / 101 for index in range(172)]
    sums = collect(labels, scores, strata, edges=EDGES)
    report = metrics(sums, sums, {}, SETTINGS)
    rows = _rows(report, "vendor")
    assert rows["GE",].result == rows["Philips",].result == SUPPRESSED
    assert rows["GE",].p_holm is None
    assert _shown(rows["Siemens",].result).n == 100
    assert _shown(report.overall).n == 172
    assert (report.within_site.sites, report.within_site.fixed) == (0, SUPPRESSED)


def test_a_small_site_takes_no_part_in_the_within_site_mean(cases: Callable) -> None:
    parts = {"big": 200, "large": 300, "small": 8}
    per_site = {name: collect(*cases(n, n), edges=EDGES) for name, n in parts.items()}
    pooled = _pooled(per_site)
    report = metrics(pooled, pooled, per_site, SETTINGS, open_sites=list(parts))
    rows = _rows(report, "site")
    assert rows["small",].result == rows["big",].result == SUPPRESSED
    assert _shown(rows["large",].result).n == 300
    assert report.within_site.sites == 1
    assert report.within_site.random is None
    assert report.heterogeneity is None


def test_a_site_that_keeps_its_results_cannot_be_subtracted(cases: Callable) -> None:
    per_site = _collected(_sites(cases, 200))
    pooled = _pooled(per_site)
    report = metrics(pooled, pooled, per_site, SETTINGS, open_sites=("north", "south"))
    rows = _rows(report, "site")
    assert rows["west",].result == WITHHELD
    # All sites less the two others would be the third.
    assert SUPPRESSED in (rows["north",].result, rows["south",].result)
    assert report.within_site.sites == 1


@pytest.mark.parametrize(("sites", "spread"), [(3, False), (4, True)])
def test_several_sites_that_keep_their_results_enter_the_mean(
    cases: Callable, sites: int, spread: bool
) -> None:
    per_site = {f"s{i}": collect(*cases(200, i), edges=EDGES) for i in range(sites)}
    pooled = _pooled(per_site)
    report = metrics(pooled, pooled, per_site, SETTINGS)
    assert {row.result for row in _rows(report, "site").values()} == {WITHHELD}
    assert report.within_site.sites == sites
    assert (report.heterogeneity is not None) == spread
    assert (report.within_site.random is not None) == spread


def test_a_withheld_column_is_pooled_over_the_other_sites(cases: Callable) -> None:
    sites = _sites(cases, 200)
    per_site = _collected(sites) | {
        "west": collect(*sites["west"], edges=EDGES, withheld=("vendor",))
    }
    pooled = _pooled(per_site)
    report = metrics(pooled, pooled, per_site, SETTINGS, open_sites=NAMES)
    assert report.withheld == {"vendor": 1}
    by_vendor = [_shown(row.result).n for row in _rows(report, "vendor").values()]
    assert sum(by_vendor) == 400
    assert sum(_shown(row.result).n for row in _rows(report, "field_strength").values()) == 600


@pytest.mark.parametrize("n", [1, 5])
def test_too_few_cases_publish_nothing(sums: Callable[..., EvaluationSums], n: int) -> None:
    few = sums(n)
    report = metrics(
        few, few, {"one": few}, SETTINGS, open_sites=["one"], membership={"one": few},
        left_out={"one": few},
    )  # fmt: skip
    assert report.overall == report.roc == report.calibration == SUPPRESSED
    assert all(row.result == SUPPRESSED for row in report.strata)
    assert report.left_out[0].result == SUPPRESSED
    assert report.membership is None
    assert not report.gaps


def test_no_case_is_no_evaluation(sums: Callable[..., EvaluationSums]) -> None:
    with pytest.raises(DataError, match="no site has"):
        metrics(sums(90), sums(0), {"one": sums(0)}, SETTINGS)


def test_one_class_alone_publishes_nothing(cases: Callable) -> None:
    _, scores, strata = cases(50)
    sums = collect([1] * 50, scores, strata, edges=EDGES)
    report = metrics(sums, sums, {}, EvaluationSettings(min_class_count=1))
    assert report.overall == SUPPRESSED
    assert "lacks a class" in report.threshold.rule


def test_sites_that_do_not_add_up_are_refused(sums: Callable[..., EvaluationSums]) -> None:
    with pytest.raises(DataError, match="do not add up"):
        metrics(sums(9), sums(90), {"one": sums(89)}, SETTINGS)


def test_what_was_not_done_is_said(sums: Callable[..., EvaluationSums]) -> None:
    plain = " ".join(metrics(sums(90), sums(400, 2), {}, SETTINGS).not_assessed)
    assert all(word in plain for word in ("calibration", "external", "membership", "secure"))
    done = metrics(
        sums(90), sums(400, 2), {"a": sums(400, 2)}, SETTINGS, membership={"a": sums(300)},
        external=["a"],
        open_sites=["a"], refined=True,
    )  # fmt: skip
    assert not any(word in " ".join(done.not_assessed) for word in ("external", "membership"))
    assert done.membership is not None
    assert done.external == ("a",)


def test_a_site_that_was_not_evaluated_is_no_external_validation(
    sums: Callable[..., EvaluationSums],
) -> None:
    report = metrics(sums(90), sums(400, 2), {"a": sums(400, 2)}, SETTINGS, external=["away"])
    assert report.external == ()
    assert "external validation" in report.not_assessed


@pytest.mark.parametrize(("most_bins", "said"), [(256, False), (16, True)])
def test_a_comparison_in_wide_bins_is_said_to_be(
    cases: Callable, sums: Callable[..., EvaluationSums], most_bins: int, said: bool
) -> None:
    labels, scores, _ = cases(400, 2)
    test = sums(400, 2)
    edges = joint_edges(EDGES, test.overall)
    joint = collect_joint(labels, scores, scores[::-1], edges=(edges, edges), most_bins=most_bins)
    report = metrics(sums(90), test, {}, SETTINGS, comparisons={"other": joint})
    assert [entry.name for entry in report.comparisons] == ["other"]
    assert any("share a bin" in entry for entry in report.not_assessed) == said


@pytest.mark.parametrize(("n", "said"), [(12, True), (90, False)])
def test_thresholds_by_a_handful_of_cases_are_said_to_be(
    sums: Callable[..., EvaluationSums], n: int, said: bool
) -> None:
    not_assessed = metrics(sums(n), sums(400, 2), {}, SETTINGS).not_assessed
    assert any("fewer than 10 validation cases" in entry for entry in not_assessed) == said


def test_the_report_is_json_and_the_same_twice(sums: Callable[..., EvaluationSums]) -> None:
    def once() -> str:
        report = metrics(sums(90), sums(400, 2), {}, SETTINGS)
        return json.dumps(report.model_dump(mode="json"), allow_nan=False)

    assert once() == once()
    assert Metrics.model_validate_json(once()).schema_version == 2


@pytest.mark.parametrize(("trained", "line"), [(("a",), False), (("a", "b"), True), (("b",), True)])
def test_training_cases_of_one_silent_site_give_no_membership_line(
    cases: Callable, trained: tuple[str, ...], line: bool
) -> None:
    per_site = {name: collect(*cases(200, seed), edges=EDGES) for seed, name in enumerate("abc")}
    pooled = _pooled(per_site)
    training = {name: collect(*cases(100, 9), edges=EDGES) for name in trained}
    report = metrics(pooled, pooled, per_site, SETTINGS, open_sites=["b"], membership=training)
    assert (report.membership is not None) == line


def test_a_site_left_out_shows_only_what_the_site_may(cases: Callable) -> None:
    per_site = {name: collect(*cases(200, seed), edges=EDGES) for seed, name in enumerate("abcd")}
    pooled = _pooled(per_site)
    left_out = per_site | {"b": collect(*cases(8, 3), edges=EDGES)}
    report = metrics(pooled, pooled, per_site, SETTINGS, open_sites=["a", "b"], left_out=left_out)
    results = {entry.site: entry.result for entry in report.left_out}
    assert _shown(results["a"]).n == 200
    assert results["b"] == SUPPRESSED
    assert results["c"] == results["d"] == WITHHELD
