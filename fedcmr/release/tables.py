"""The numbers behind every figure, as CSV files of the release."""

from fedcmr.evaluation.results import Estimate, GroupResult, Hidden, Metrics, RocPoint, Stratum
from fedcmr.page.headings import is_empty_flag, level_name, table_name
from fedcmr.page.table import Cell, Row, csv_text
from fedcmr.release.provenance import Provenance

_AUC = ("auc", "auc_low", "auc_high", "auc_bound")
_RATES = ("sensitivity", "specificity", "ppv", "npv", "f1", "rule_out")


def csv_tables(metrics: Metrics, provenance: Provenance) -> dict[str, str]:
    """Return file name to text; every table is there, without rows where nothing was made."""
    return {
        "auc_by_group.csv": _auc_by_group(metrics),
        "thresholds.csv": _thresholds(metrics),
        "roc.csv": _roc(metrics),
        "calibration.csv": _calibration(metrics),
        "comparisons.csv": _comparisons(metrics),
        "training.csv": _training(provenance),
        "participation.csv": _participation(provenance),
    }


def by_table(metrics: Metrics) -> dict[str, list[Stratum]]:
    """Return heading to groups, in the order of the metrics, without flags that no study has."""
    tables: dict[tuple[str, ...], list[Stratum]] = {}
    for stratum in metrics.strata:
        tables.setdefault(stratum.by, []).append(stratum)
    return {
        table_name(by): strata
        for by, strata in tables.items()
        if not is_empty_flag(by, [stratum.level for stratum in strata])
    }


def groups(metrics: Metrics) -> list[tuple[str, str, GroupResult | Hidden]]:
    """Return (table, group, result) of all cases and of every stratum."""
    return [
        ("all", "all", metrics.overall),
        *((table_name(s.by), level_name(s.level), s.result) for s in metrics.strata),
    ]


def curve(metrics: Metrics) -> list[RocPoint]:
    """Return the points of the ROC curve by falling threshold; none where it must not show.

    Those of the printed thresholds are among them: few cases may leave no other.
    """
    if isinstance(metrics.roc, str) or isinstance(metrics.overall, str):
        return []
    points = {point.threshold: point for point in metrics.roc}
    values: dict[str, float] = {t.name: t.value for t in metrics.thresholds}
    for at in metrics.overall.at:
        if at.sensitivity is not None and at.specificity is not None:
            right = at.specificity
            points[values[at.threshold]] = RocPoint(
                threshold=values[at.threshold],
                sensitivity=at.sensitivity,
                false_positive_rate=Estimate(
                    value=1 - right.value, low=1 - right.high, high=1 - right.low
                ),
            )
    return [points[threshold] for threshold in sorted(points, reverse=True)]


def _auc_by_group(metrics: Metrics) -> str:
    rows: list[Row] = []
    for table, group, result in groups(metrics):
        if isinstance(result, str):
            rows.append((table, group, result, result, *(result,) * 4))
        else:
            area = (*_ends(result.auc), result.auc.bound)
            rows.append((table, group, result.n, result.positives, *area))
    inside = metrics.within_site
    for name, mean in (("inverse-variance mean", inside.fixed), ("random effects", inside.random)):
        if isinstance(mean, Estimate):
            rows.append(("inside sites", name, None, None, *_ends(mean), None))
    return csv_text(("table", "group", "n", "positives", *_AUC), rows)


def _thresholds(metrics: Metrics) -> str:
    header = (
        *("table", "group", "threshold", "value"),
        *("true_positive", "false_positive", "false_negative", "true_negative"),
        *(f"{rate}{end}" for rate in _RATES for end in ("", "_low", "_high")),
    )
    values: dict[str, float] = {threshold.name: threshold.value for threshold in metrics.thresholds}
    rows: list[Row] = []
    for table, group, result in groups(metrics):
        if isinstance(result, str):
            rows.append((table, group, *(result,) * (len(header) - 2)))
            continue
        for at in result.at:
            counts = at.counts
            rows.append(
                (
                    *(table, group, at.threshold, values[at.threshold]),
                    *(counts.true_positive, counts.false_positive),
                    *(counts.false_negative, counts.true_negative),
                    *(end for rate in _RATES for end in _ends(getattr(at, rate))),
                )
            )
    return csv_text(header, rows)


def _roc(metrics: Metrics) -> str:
    rows = [
        (point.threshold, *_ends(point.sensitivity), *_ends(point.false_positive_rate))
        for point in curve(metrics)
    ]
    rate = "false_positive_rate"
    sensitivity = ("sensitivity", "sensitivity_low", "sensitivity_high")
    return csv_text(("threshold", *sensitivity, rate, f"{rate}_low", f"{rate}_high"), rows)


def _calibration(metrics: Metrics) -> str:
    bins = () if isinstance(metrics.calibration, str) else metrics.calibration.bins
    rows = [(b.low, b.high, b.n, b.positives, b.score, *_ends(b.observed)) for b in bins]
    observed = ("observed", "observed_low", "observed_high")
    return csv_text(("low", "high", "n", "positives", "mean_score", *observed), rows)


def _comparisons(metrics: Metrics) -> str:
    rows = [
        (
            *(c.name, c.n, *_ends(c.auc), c.auc.bound, *_ends(c.other), c.other.bound),
            *(*_ends(c.difference), c.p),
        )
        for c in metrics.comparisons
    ]
    other = tuple(f"other_{name}" for name in _AUC)
    difference = ("difference", "difference_low", "difference_high")
    return csv_text(("other", "n", *_AUC, *other, *difference, "p"), rows)


def _training(provenance: Provenance) -> str:
    rows: list[Row] = []
    for entry in provenance.history:
        rows.append((entry.round, "all", None, entry.loss, entry.validation_loss, entry.seconds))
        rows += [(entry.round, p.site, p.examples, p.loss, None, p.seconds) for p in entry.parts]
    return csv_text(("round", "site", "examples", "loss", "validation_loss", "seconds"), rows)


def _participation(provenance: Provenance) -> str:
    rows: list[Row] = []
    for entry in provenance.history:
        ended = None
        if entry.finished is not None:
            ended = (entry.finished - provenance.started).total_seconds()
        for site in provenance.sites:
            reasons = {missed.round: missed.reason for missed in site.rounds_missed}
            if entry.round in reasons:
                rows.append((entry.round, ended, site.name, "missed", reasons[entry.round]))
            elif site.name in entry.sites:
                rows.append((entry.round, ended, site.name, "contributed", None))
    return csv_text(("round", "ended_after_s", "site", "part", "reason"), rows)


def _ends(estimate: Estimate | None) -> tuple[Cell, Cell, Cell]:
    return (None,) * 3 if estimate is None else (estimate.value, estimate.low, estimate.high)
