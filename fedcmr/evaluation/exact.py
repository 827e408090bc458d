"""Results of single cases, nothing binned and nothing suppressed: for one's own use."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np

from fedcmr.errors import DataError
from fedcmr.evaluation.calibration import calibration_sums, fit
from fedcmr.evaluation.cases import Cases
from fedcmr.evaluation.compare import against, alarms, gaps
from fedcmr.evaluation.curve import brier_parts, reliability, roc_points, wide_edges
from fedcmr.evaluation.delong import auc_interval
from fedcmr.evaluation.edges import Edges
from fedcmr.evaluation.intervals import wilson
from fedcmr.evaluation.paired import compare_cells
from fedcmr.evaluation.results import (
    Calibration,
    CaseResults,
    CaseStratum,
    Comparison,
    GroupResult,
    Threshold,
)
from fedcmr.evaluation.strata import COLUMNS, Columns, Level
from fedcmr.evaluation.sums import (
    MOST_BINS,
    CountArray,
    EvaluationSums,
    StratumSums,
    collect,
    stratum_sums,
)
from fedcmr.evaluation.threshold import at_threshold, choose_threshold
from fedcmr.settings import Settings
from fedcmr.types import DoubleArray

RELIABLE = 10
"""Cases of each class in a bin of the reliability diagram."""

Model = TypeVar("Model", bound=Settings)


def exact_results(
    cases: Cases, others: Mapping[str, Cases], thresholds: Sequence[float] = ()
) -> CaseResults:
    """Return all results of cases, and how other models do on the same ones.

    Args:
        cases: of the model in question.
        others: name of another model to its cases.
        thresholds: to report at; without any, they are chosen on the very cases and say so.

    Raises:
        DataError: a class has no case, or another model has other studies or labels.
    """
    n_positive = int(cases.labels.sum())
    if not 0 < n_positive < len(cases.labels):
        raise DataError("an AUC needs cases of both classes", fix="check the column label")
    # One bin for each distinct score: what is sorted into bins is sorted as the scores are.
    edges = tuple(sorted({*cases.scores.tolist(), *thresholds} - {0.0}))
    index = np.searchsorted(np.array(edges), cases.scores, side="right")
    coarse = _coarse(cases, edges, thresholds)
    chosen = _thresholds(coarse, thresholds)

    def group(by: Columns, level: Level, members: CountArray) -> StratumSums:
        label, score = cases.labels[members], cases.scores[members]
        # Named afterwards: a level of one's own file may be any text.
        return stratum_sums((), (), label, score, index[members], len(edges)).named(by, level)

    whole = group((), (), np.arange(len(cases.labels)))
    strata = [
        group(by, level, np.array([i for i, one in enumerate(levels) if one == level]))
        for by, levels in cases.strata.items()
        for level in sorted(set(levels))
    ]
    rated = [stratum for stratum in strata if min(stratum.positives, stratum.negatives)]
    adjusted = against(rated, whole)
    p_holm = {stratum.key: p for stratum, p in zip(rated, adjusted, strict=True)}
    return CaseResults(
        overall=_result(whole, edges, chosen),
        strata=tuple(
            CaseStratum(
                by=stratum.by,
                level=stratum.level,
                n=stratum.n,
                positives=stratum.positives,
                result=_result(stratum, edges, chosen) if stratum.key in p_holm else None,
                p_holm=p_holm.get(stratum.key),
            )
            for stratum in strata
        ),
        gaps=tuple(_exact(found, "worst_auc", "best_auc") for found in gaps(rated)),
        alarms=tuple(_exact(found, "auc") for found in alarms(rated, adjusted, whole)),
        thresholds=chosen,
        roc=roc_points(coarse, coarse.edges),
        calibration=_calibration(cases, coarse),
        comparisons=tuple(_compare(cases, other, name) for name, other in others.items()),
        left_out=cases.left_out,
    )


def _coarse(cases: Cases, edges: Edges, thresholds: Sequence[float]) -> EvaluationSums:
    """Return histograms for curves, of as many edges as histograms may have."""
    inner = [edge for edge in edges if 0 < edge < 1]
    step = -(-len(inner) // (MOST_BINS // 2))
    kept = {*inner[::step], *(t for t in thresholds if 0 < t < 1)} or {0.5}
    levels = [dict.fromkeys(COLUMNS, "unknown")] * len(cases.labels)
    return collect(cases.labels, cases.scores, levels, edges=sorted(kept))


def _thresholds(sums: EvaluationSums, given: Sequence[float]) -> tuple[Threshold, ...]:
    if given:
        return tuple(Threshold(name="given", value=value, rule="given") for value in given)
    found = (
        choose_threshold(sums, rule, published=0.5, edges=sums.edges)
        for rule in ("youden", "sensitivity_90")
    )
    return tuple(
        one.model_copy(update={"rule": f"{one.rule}, chosen on these cases: optimistic"})
        for one in found
    )


def _result(sums: StratumSums, edges: Edges, thresholds: Sequence[Threshold]) -> GroupResult:
    return _exact(
        GroupResult(
            n=sums.n,
            positives=sums.positives,
            auc=auc_interval(sums),
            brier=sums.brier / sums.n,
            loss=sums.loss / sums.n,
            at=tuple(at_threshold(sums, edges, threshold) for threshold in thresholds),
        ),
        "auc",
    )


def _calibration(cases: Cases, sums: EvaluationSums) -> Calibration:
    bins = reliability(sums, wide_edges(sums, RELIABLE))
    fitted = fit(lambda a, b: calibration_sums(cases.labels, cases.scores, a, b))
    return Calibration(
        bins=bins,
        parts=brier_parts(sums, bins),
        mean_score=float(cases.scores.mean()),
        observed=wilson(int(cases.labels.sum()), len(cases.labels)),
        slope=fitted.slope if fitted else None,
        intercept=fitted.intercept if fitted else None,
        steps=fitted.steps if fitted else 0,
    )


def _compare(cases: Cases, other: Cases, name: str) -> Comparison:
    if cases.studies != other.studies:
        missing = len({*cases.studies} ^ {*other.studies})
        raise DataError(
            f"{missing} studies are scored by only one of two models",
            where=name,
            fix="give the same scored and labelled studies to both",
        )
    if (cases.labels != other.labels).any():
        raise DataError("a study has another label than in the first file", where=name)
    ranks = [_ranks(one.scores) for one in (cases, other)]
    positive, negative = (
        np.stack([*(rank[cases.labels == label] for rank in ranks), np.ones(count, dtype=np.int64)])
        for label, count in ((1, int(cases.labels.sum())), (0, int((1 - cases.labels).sum())))
    )
    bins = (int(ranks[0].max()) + 1, int(ranks[1].max()) + 1)
    return _exact(compare_cells(positive, negative, bins, name), "auc", "other")


def _ranks(scores: DoubleArray) -> CountArray:
    return np.unique(scores, return_inverse=True)[1].astype(np.int64)


def _exact(found: Model, *areas: str) -> Model:
    """Return the same without a bound: cases of one bin are ties, in one order only."""
    update = {name: getattr(found, name).model_copy(update={"bound": 0.0}) for name in areas}
    return found.model_copy(update=update)
