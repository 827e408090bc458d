import json
from collections.abc import Callable

import numpy as np
import pytest
from reference.auc import slow_auc
from reference.confusion import slow_confusion

from fedcmr.config import EvaluationSettings
from fedcmr.errors import DataError
from fedcmr.evaluation.metrics import RESULTS, SUPPRESSED, metrics
from fedcmr.evaluation.sums import EvaluationSums, collect, total


def _sites(cases: Callable, n: int) -> dict[str, tuple]:
    return {name: cases(n, seed) for seed, name in enumerate(("north", "south", "west"), 10)}


def test_federated_numbers_are_the_pooled_ones(cases: Callable) -> None:
    sites = _sites(cases, 200)
    per_site = {name: collect(*site, bins=64) for name, site in sites.items()}
    validation = collect(*cases(300, 1), bins=64)
    report = metrics(validation, total(per_site.values(), bins=64), per_site, EvaluationSettings())
    labels = np.concatenate([site[0] for site in sites.values()])
    scores = np.concatenate([site[1] for site in sites.values()])
    overall, threshold = report["overall"], report["threshold"]["value"]
    tp, fp, fn, tn = slow_confusion(labels.tolist(), scores.tolist(), threshold)
    exact = slow_auc(labels.tolist(), scores.tolist())
    assert abs(overall["auc"]["value"] - exact) <= overall["auc"]["bound"] <= 0.01
    assert overall["auc"]["low"] < exact < overall["auc"]["high"]
    assert overall["n"] == 600
    assert overall["positives"] == labels.sum()
    assert overall["sensitivity"]["value"] == tp / (tp + fn)
    assert overall["specificity"]["value"] == tn / (tn + fp)
    assert overall["f1"]["value"] == pytest.approx(2 * tp / (2 * tp + fp + fn))
    assert overall["brier"]["value"] == pytest.approx(np.mean((scores - labels) ** 2))
    assert report["within_site"]["sites"] == 3


def test_every_stratum_and_site_has_its_own_numbers(cases: Callable) -> None:
    sites = _sites(cases, 200)
    per_site = {name: collect(*site, bins=64) for name, site in sites.items()}
    pooled = total(per_site.values(), bins=64)
    report = metrics(pooled, pooled, per_site, EvaluationSettings())
    by = [(tuple(row["by"]), tuple(row["level"])) for row in report["strata"]]
    assert (("vendor", "field_strength"), ("GE", "1.5T")) in by
    assert by[-3:] == [(("site",), (name,)) for name in ("north", "south", "west")]
    assert len(by) == 9
    for row in report["strata"]:
        chosen = [
            (label, score)
            for name, (labels, scores, levels) in sites.items()
            for label, score, level in zip(labels, scores, levels, strict=True)
            if [{**level, "site": name}[by] for by in row["by"]] == row["level"]
        ]
        assert row["n"] == len(chosen)
        exact = slow_auc(*zip(*chosen, strict=True))
        assert abs(row["auc"]["value"] - exact) <= row["auc"]["bound"]


def test_a_small_stratum_is_suppressed_and_cannot_be_subtracted() -> None:
    levels = [{"vendor": v, "field_strength": "3T"} for v in ("GE", "Philips", "Siemens")]
    strata = [levels[0]] * 12 + [levels[1]] * 60 + [levels[2]] * 100
    labels = [index % 2 for index in range(172)]
    scores = [(index * 37 % 101) / 101 for index in range(172)]
    sums = collect(labels, scores, strata, bins=64)
    report = metrics(sums, sums, {}, EvaluationSettings())
    ge, philips, siemens = report["strata"]
    assert all(ge[name] == philips[name] == SUPPRESSED for name in RESULTS)
    assert siemens["n"] == 100
    assert report["overall"]["n"] == 172
    assert report["within_site"] == {"sites": 0, "auc": SUPPRESSED}


def test_a_small_site_takes_no_part_in_the_within_site_mean(cases: Callable) -> None:
    parts = {"big": 200, "large": 300, "small": 8}
    per_site = {name: collect(*cases(n, n), bins=64) for name, n in parts.items()}
    pooled = total(per_site.values(), bins=64)
    report = metrics(pooled, pooled, per_site, EvaluationSettings())
    rows = {row["level"][0]: row for row in report["strata"] if row["by"] == ["site"]}
    assert rows["small"]["auc"] == rows["big"]["auc"] == SUPPRESSED
    assert rows["large"]["n"] == 300
    assert report["within_site"]["sites"] == 1


@pytest.mark.parametrize("n", [1, 5])
def test_too_few_cases_publish_nothing(sums: Callable[..., EvaluationSums], n: int) -> None:
    few = sums(n)
    report = metrics(few, few, {"one": few}, EvaluationSettings())
    assert all(report["overall"][name] == SUPPRESSED for name in RESULTS)
    assert all(row["auc"] == SUPPRESSED for row in report["strata"])


def test_no_case_is_no_evaluation(sums: Callable[..., EvaluationSums]) -> None:
    with pytest.raises(DataError, match="no site has"):
        metrics(sums(90), sums(0), {"one": sums(0)}, EvaluationSettings())


def test_one_class_alone_publishes_nothing(cases: Callable) -> None:
    _, scores, strata = cases(50)
    sums = collect([1] * 50, scores, strata, bins=64)
    report = metrics(sums, sums, {"one": sums}, EvaluationSettings(min_class_count=1))
    assert report["overall"]["auc"] == SUPPRESSED
    assert "lacks a class" in report["threshold"]["rule"]


def test_sites_that_do_not_add_up_are_refused(sums: Callable[..., EvaluationSums]) -> None:
    with pytest.raises(DataError, match="do not add up"):
        metrics(sums(9), sums(90), {"one": sums(89)}, EvaluationSettings())


def test_the_report_is_json_and_the_same_twice(sums: Callable[..., EvaluationSums]) -> None:
    def once() -> str:
        return json.dumps(metrics(sums(90), sums(400, 2), {}, EvaluationSettings()))

    assert once() == once()
    assert "NaN" not in once()
    assert "Infinity" not in once()
