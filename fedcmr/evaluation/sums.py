"""What a site sends of its evaluation: counts that add up, never a case.

Per stratum and class a histogram of scores over `bins` equal bins of [0, 1]: bin k holds the
scores in [k / bins, (k + 1) / bins), the last one 1.0 as well. A threshold on an edge therefore
splits the cases of a histogram exactly as it splits the scores.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from typing import Annotated, Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field, StringConstraints, model_validator

from fedcmr.config import Settings, parse_json
from fedcmr.data.record import StudyRecord
from fedcmr.errors import ConfigurationError, DataError

CountArray = NDArray[np.int64]
"""Cases per bin: (bins,)."""

STRATIFICATIONS: tuple[tuple[str, ...], ...] = (("vendor", "field_strength"),)
"""Columns of a data set by whose joint levels results are reported, beside the overall ones."""

SMALLEST_PROBABILITY = 1e-7
"""Scores are clipped here before the logarithm: one certain error must stay a finite loss."""

WORST_LOSS = math.ceil(-math.log(SMALLEST_PROBABILITY) * 1024) / 1024
"""No case has a larger loss. A binary fraction, so that its multiples are exact and the sum of two
sums within the limit is within it, however they round."""

MOST_CASES = 10**6
"""A site sends no more; `Count` leaves room for the sum over all sites."""

# Levels come from other machines and end in reports: plain words only.
Word = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9<>=+._/ -]{1,64}$")]
Count = Annotated[int, Field(strict=True, ge=0, le=10**12)]
Sum = Annotated[float, Field(strict=True, ge=0)]


class StratumSums(Settings):
    """Sums over the cases of one stratum; `by` and `level` are empty for all cases."""

    by: tuple[Word, ...]
    level: tuple[Word, ...]
    positive: tuple[Count, ...]
    negative: tuple[Count, ...]
    loss: Sum = Field(description="sum of -log p of the true class, nats")
    brier: Sum = Field(description="sum of squared errors of the score")

    @model_validator(mode="after")
    def _sizes_agree(self) -> Self:
        if len(self.by) != len(self.level):
            raise ValueError("by and level must have one entry each")
        if len(self.positive) != len(self.negative):
            raise ValueError("positive and negative must have the same bins")
        if self.brier > self.n:
            raise ValueError("brier cannot exceed the number of cases")
        if self.loss > self.n * WORST_LOSS:
            raise ValueError(f"loss cannot exceed {WORST_LOSS:.3f} for each case")
        return self

    @property
    def key(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """What the stratum is: (by, level)."""
        return self.by, self.level

    @property
    def positives(self) -> int:
        """Cases of class 1."""
        return sum(self.positive)

    @property
    def negatives(self) -> int:
        """Cases of class 0."""
        return sum(self.negative)

    @property
    def n(self) -> int:
        """Cases."""
        return self.positives + self.negatives

    def __add__(self, other: "StratumSums") -> "StratumSums":
        """Return the sums over the cases of both."""
        return StratumSums(
            by=self.by,
            level=self.level,
            positive=tuple(a + b for a, b in zip(self.positive, other.positive, strict=True)),
            negative=tuple(a + b for a, b in zip(self.negative, other.negative, strict=True)),
            loss=self.loss + other.loss,
            brier=self.brier + other.brier,
        )


class EvaluationSums(Settings):
    """Sums over the cases of one site, or of several added up."""

    schema_version: Literal[1] = 1
    bins: int = Field(strict=True, ge=2, le=4096)
    strata: tuple[StratumSums, ...] = Field(description="all cases first, then by name")

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        keys = [stratum.key for stratum in self.strata]
        if keys != sorted(set(keys)) or not keys or keys[0] != ((), ()):
            raise ValueError("strata must be sorted, without duplicates, all cases first")
        if any(len(stratum.positive) != self.bins for stratum in self.strata):
            raise ValueError(f"every histogram must have {self.bins} bins")
        counts: dict[tuple[str, ...], CountArray] = {}
        for stratum in self.strata:
            histogram = np.array([stratum.positive, stratum.negative], dtype=np.int64)
            counts[stratum.by] = counts.get(stratum.by, np.zeros_like(histogram)) + histogram
        expected = {(), *STRATIFICATIONS} if self.overall.n else {()}
        if set(counts) != expected:
            raise ValueError(
                "strata must be all cases and, if there are any, by each stratification"
            )
        for by, total in counts.items():
            if not np.array_equal(total, counts[()]):
                raise ValueError(f"strata by {', '.join(by)} do not add up to all cases")
        return self

    @property
    def overall(self) -> StratumSums:
        """The sums over all cases."""
        return self.strata[0]

    def __add__(self, other: "EvaluationSums") -> "EvaluationSums":
        """Return the sums over the cases of both.

        Raises:
            DataError: the two were made with different bins.
        """
        if self.bins != other.bins:
            raise DataError(f"cannot add histograms of {self.bins} and {other.bins} bins")
        merged = {stratum.key: stratum for stratum in self.strata}
        for stratum in other.strata:
            known = merged.get(stratum.key)
            merged[stratum.key] = stratum if known is None else known + stratum
        return EvaluationSums(bins=self.bins, strata=tuple(merged[key] for key in sorted(merged)))

    def to_json(self) -> str:
        """Return the text that travels."""
        return self.canonical_json()

    @classmethod
    def from_json(cls, text: str, *, where: str) -> "EvaluationSums":
        """Read what a site sent; `where` names the site in the error.

        Raises:
            ConfigurationError: not a JSON object, a count is negative or not whole, a histogram
                has the wrong length, strata do not add up, or there are too many cases.
        """
        sums = parse_json(text, cls, where=where)
        if sums.overall.n > MOST_CASES:
            raise ConfigurationError(f"sums over more than {MOST_CASES} cases", where=where)
        return sums


def levels(record: StudyRecord) -> dict[str, str]:
    """Return the study's level in every column of STRATIFICATIONS."""
    return {name: str(getattr(record, name)) for by in STRATIFICATIONS for name in by}


def collect(
    labels: ArrayLike, scores: ArrayLike, strata: Sequence[Mapping[str, str]], *, bins: int
) -> EvaluationSums:
    """Sum up cases with labels (N,) of 0 and 1, scores (N,) in [0, 1] and levels (N mappings).

    Raises:
        DataError: lengths differ, a label is not 0 or 1, or a score is outside [0, 1] or NaN.
    """
    label, score = np.asarray(labels), np.asarray(scores, dtype=np.float64)
    if not label.ndim == score.ndim == 1 or not len(label) == len(score) == len(strata):
        raise DataError("labels, scores and strata must hold one entry per case")
    if not np.isin(label, (0, 1)).all():
        raise DataError("labels must be 0 or 1", fix="leave unlabelled studies out")
    if not ((score >= 0) & (score <= 1)).all():
        raise DataError("scores must be numbers from 0 to 1", fix="check that training converged")
    cases: dict[tuple[tuple[str, ...], tuple[str, ...]], list[int]] = {((), ()): []}
    for index, level in enumerate(strata):
        for by in ((), *STRATIFICATIONS):
            cases.setdefault((by, tuple(level[name] for name in by)), []).append(index)
    return EvaluationSums(
        bins=bins,
        strata=tuple(
            _stratum_sums(by, level, label[members], score[members], bins)
            for (by, level), members in sorted(cases.items())
        ),
    )


def total(sums: Iterable[EvaluationSums], *, bins: int) -> EvaluationSums:
    """Return the sums over the cases of all sites; without sites, of no case."""
    return reduce(EvaluationSums.__add__, sums, collect([], [], [], bins=bins))


def _stratum_sums(
    by: tuple[str, ...],
    level: tuple[str, ...],
    label: NDArray[Any],
    score: NDArray[np.float64],
    bins: int,
) -> StratumSums:
    # searchsorted against the very edges that thresholds lie on: rounding of score * bins could
    # put a score on the wrong side of its edge when bins is no power of two.
    edges = np.arange(1, bins) / bins
    index = np.searchsorted(edges, score, side="right")
    right = np.where(label == 1, score, 1 - score).clip(SMALLEST_PROBABILITY)
    return StratumSums(
        by=by,
        level=level,
        positive=tuple(np.bincount(index[label == 1], minlength=bins).tolist()),
        negative=tuple(np.bincount(index[label == 0], minlength=bins).tolist()),
        loss=float(-np.log(right).sum()) + 0.0,
        brier=float(np.square(score - label).sum()),
    )
