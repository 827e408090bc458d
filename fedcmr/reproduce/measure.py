"""The numbers of a row from its scores, and its tests against the first row."""

from dataclasses import dataclass

import numpy as np

from fedcmr.evaluation.cases import Cases
from fedcmr.evaluation.exact import exact_results
from fedcmr.evaluation.intervals import wilson
from fedcmr.evaluation.mcnemar import mcnemar
from fedcmr.evaluation.results import Estimate
from fedcmr.reproduce.run import RunResult


@dataclass(frozen=True)
class Measured:
    """A row of ours; every estimate has a 95 % interval, None where nobody is in it."""

    n: int
    positives: int
    estimates: dict[str, Estimate | None]
    """auc, sensitivity, specificity and f1; of a group, sensitivity."""
    counts: dict[str, int]
    """true_positive and false_negative."""
    delong_p: float | None
    """Of the area against the first row's, paired; None for that row and for groups."""
    mcnemar_p: float | None
    """Of sensitivity against the first row's; None for that row."""


def measure(result: RunResult, first: RunResult | None) -> Measured:
    """Return the numbers over all cases of the test split.

    Args:
        result: of the row.
        first: of the first row of the table, None for itself.

    Raises:
        DataError: the test split lacks a class.
    """
    others = {} if first is None else {"first": _cases(first)}
    threshold = result.threshold.value
    found = exact_results(_cases(result), others, (threshold,))
    at = found.overall.at[0]
    return Measured(
        n=found.overall.n,
        positives=found.overall.positives,
        estimates={
            "auc": found.overall.auc,
            "sensitivity": at.sensitivity,
            "specificity": at.specificity,
            "f1": at.f1,
        },
        counts={
            "true_positive": at.counts.true_positive,
            "false_negative": at.counts.false_negative,
        },
        delong_p=found.comparisons[0].p if first else None,
        mcnemar_p=_mcnemar(result, first, ""),
    )


def measure_group(result: RunResult, first: RunResult | None, aetiology: str) -> Measured:
    """Return the sensitivity among the positive cases of an aetiology."""
    hits = _hits(result, aetiology)
    n, true = len(hits), sum(hits)
    return Measured(
        n=n,
        positives=n,
        estimates={"sensitivity": wilson(true, n) if n else None},
        counts={"true_positive": true, "false_negative": n - true},
        delong_p=None,
        mcnemar_p=_mcnemar(result, first, aetiology),
    )


def _mcnemar(result: RunResult, first: RunResult | None, aetiology: str) -> float | None:
    if first is None:
        return None
    pairs = list(zip(_hits(result, aetiology), _hits(first, aetiology), strict=True))
    return mcnemar(pairs.count((True, False)), pairs.count((False, True)))


def _hits(result: RunResult, aetiology: str) -> list[bool]:
    """Return for each positive case, of one aetiology or of all (''), whether it was called."""
    return [
        score >= result.threshold.value
        for label, score, of in zip(result.labels, result.scores, result.aetiologies, strict=True)
        if label == 1 and aetiology in ("", of)
    ]


def _cases(result: RunResult) -> Cases:
    return Cases(
        studies=result.cases,
        labels=np.array(result.labels, dtype=np.int64),
        scores=np.array(result.scores, dtype=np.float64),
        strata={},
        left_out=0,
    )
