"""`metrics.json`: what the coordinator publishes, from the sums of the sites."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from fedcmr.config import EvaluationSettings
from fedcmr.errors import DataError
from fedcmr.evaluation.delong import auc_interval, within_site_auc
from fedcmr.evaluation.intervals import wilson
from fedcmr.evaluation.roc import auc
from fedcmr.evaluation.sums import STRATIFICATIONS, EvaluationSums, StratumSums, total
from fedcmr.evaluation.suppression import Printable, printable
from fedcmr.evaluation.threshold import Threshold, choose_threshold

SUPPRESSED = "suppressed"

RESULTS = ("n", "positives", "auc", "sensitivity", "specificity", "f1", "brier", "loss")
"""What is printed of a group, or `SUPPRESSED` for each."""

NOT_ASSESSED = (
    "calibration",
    "differences between groups",
    "external validation",
    "differential privacy",
    "secure aggregation",
    "a second pass with quantile edges where the bound of an AUC exceeds 0.01: this version prints "
    "the bound and leaves it at that",
)
"""What a reader might expect and does not get from this version."""


def metrics(
    validation: EvaluationSums,
    test: EvaluationSums,
    per_site_test: Mapping[str, EvaluationSums],
    settings: EvaluationSettings,
) -> dict[str, Any]:
    """Return the content of metrics.json.

    `{"overall": {"n", "auc": {"value", "low", "high", "bound"}, "sensitivity": {"value", "low",
    "high"}, ...}, "strata": [{"by": [...], "level": [...], "n", "auc", ...}], "within_site",
    "threshold", ...}`; every result of a group that must not show reads "suppressed". The
    threshold comes from the validation cases, everything else from the test cases. Without
    `per_site_test` (no federation) there are no results by site.

    Raises:
        DataError: there is no labelled test case, or the sites do not add up to `test`.
    """
    if test.overall.n == 0:
        raise DataError("no site has a labelled test case", fix="add data: there is no result")
    if per_site_test:
        added = total(per_site_test.values(), bins=test.bins)
        if [s.key for s in added.strata] != [s.key for s in test.strata] or any(
            (a.positive, a.negative) != (b.positive, b.negative)
            for a, b in zip(added.strata, test.strata, strict=True)
        ):
            raise DataError("the sums of the sites do not add up to the pooled ones")
    threshold = choose_threshold(validation.overall, settings.threshold)
    shown = _printable(test, per_site_test, settings.min_class_count)
    strata = [
        {"by": list(stratum.by), "level": list(stratum.level)}
        | _results(stratum, threshold, stratum.level in shown[stratum.by].levels)
        for stratum in test.strata[1:]
    ]
    sites = frozenset.intersection(*(part.sites for part in shown.values()))
    by_site = [
        {"by": ["site"], "level": [name]}
        | _results(per_site_test[name].overall, threshold, name in sites)
        for name in sorted(per_site_test)
    ]
    inside = [per_site_test[name].overall for name in sorted(sites & set(per_site_test))]
    return {
        "schema_version": 1,
        "overall": _results(test.overall, threshold, all(part.total for part in shown.values())),
        "within_site": {
            # Only sites that are printed: a mean over a withheld one could be solved for it.
            "sites": len(inside),
            "auc": asdict(within_site_auc(inside)) if inside else SUPPRESSED,
        },
        "strata": strata + by_site,
        "threshold": {"value": threshold.value, "rule": threshold.rule},
        "bins": test.bins,
        "min_class_count": settings.min_class_count,
        "not_assessed": list(NOT_ASSESSED),
    }


def _printable(
    test: EvaluationSums, per_site: Mapping[str, EvaluationSums], minimum: int
) -> dict[tuple[str, ...], Printable]:
    # A run without federation is one nameless site, which no result is printed for.
    sites = per_site or {"": test}
    return {
        by: printable(
            {
                (site, stratum.level): (stratum.positives, stratum.negatives)
                for site, sums in sites.items()
                for stratum in sums.strata
                if stratum.by == by
            },
            minimum,
        )
        for by in STRATIFICATIONS
    }


def _results(sums: StratumSums, threshold: Threshold, is_shown: bool) -> dict[str, Any]:
    if not is_shown:
        return dict.fromkeys(RESULTS, SUPPRESSED)
    true_positive = sum(sums.positive[threshold.edge :])
    false_positive = sum(sums.negative[threshold.edge :])
    false_negative = sums.positives - true_positive
    return {
        "n": sums.n,
        "positives": sums.positives,
        "auc": asdict(auc_interval(sums)) | {"bound": auc(sums).bound},
        "sensitivity": asdict(wilson(true_positive, sums.positives)),
        "specificity": asdict(wilson(sums.negatives - false_positive, sums.negatives)),
        "f1": {"value": 2 * true_positive / (2 * true_positive + false_positive + false_negative)},
        "brier": {"value": sums.brier / sums.n},
        "loss": {"value": sums.loss / sums.n},
    }
