"""What a site sends of its evaluation: counts that add up, never a case.

Per stratum and class a histogram of scores between edges (see `edges`). A threshold on an edge
splits the cases of a histogram exactly as it splits the scores.
"""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import reduce
from typing import Annotated, Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field, StringConstraints, model_validator

from fedcmr.errors import ConfigurationError, DataError
from fedcmr.evaluation.edges import Edges, coarse_edges
from fedcmr.evaluation.strata import NOT_GIVEN, TABLES, Columns, Level
from fedcmr.settings import Settings, parse_json

CountArray = NDArray[np.int64]
"""Cases per bin: (bins,)."""

SMALLEST_PROBABILITY = 1e-7
"""Scores are clipped here before the logarithm: one certain error must stay a finite loss."""

WORST_LOSS = math.ceil(-math.log(SMALLEST_PROBABILITY) * 1024) / 1024
"""No case has a larger loss. A binary fraction, so that its multiples are exact and the sum of two
sums within the limit is within it, however they round."""

MOST_CASES = 10**6
"""A site sends no more; `Count` leaves room for the sum over all sites."""

MOST_STRATA = 300
"""A site sends no more, all tables together."""

MOST_BINS = 4096

ROUNDING = 1e-6
"""By which a sum of scores may leave its bin, for each case."""

# Levels come from other machines and end in reports: plain words only.
Word = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9<>=+._/ -]{1,64}$")]
Count = Annotated[int, Field(strict=True, ge=0, le=10**12)]
Sum = Annotated[float, Field(strict=True, ge=0)]
Edge = Annotated[float, Field(strict=True, gt=0, lt=1)]


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
    def key(self) -> tuple[Columns, Level]:
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
        """Return the sums over the cases of both; the name is that of the first."""
        return self.model_copy(
            update={
                "positive": tuple(map(sum, zip(self.positive, other.positive, strict=True))),
                "negative": tuple(map(sum, zip(self.negative, other.negative, strict=True))),
                "loss": self.loss + other.loss,
                "brier": self.brier + other.brier,
            }
        )

    def named(self, by: Columns, level: Level) -> "StratumSums":
        """Return the same sums under another name."""
        return self.model_copy(update={"by": by, "level": level})


class EvaluationSums(Settings):
    """Sums over the cases of one site, or of several added up."""

    schema_version: Literal[2] = 2
    edges: tuple[Edge, ...] = Field(min_length=1, max_length=MOST_BINS - 1)
    scores: tuple[Sum, ...] = Field(description="sum of the scores in each bin, all cases")
    strata: tuple[StratumSums, ...] = Field(description="all cases first, then by name")

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        if list(self.edges) != sorted(set(self.edges)):
            raise ValueError("edges must rise")
        keys = [stratum.key for stratum in self.strata]
        if keys != sorted(set(keys)) or not keys or keys[0] != ((), ()):
            raise ValueError("strata must be sorted, without duplicates, all cases first")
        if len(self.scores) != self.bins or any(len(s.positive) != self.bins for s in self.strata):
            raise ValueError(f"every histogram must have {self.bins} bins")
        counts: dict[Columns, CountArray] = {}
        for stratum in self.strata:
            if stratum.by and not stratum.n:
                raise ValueError("a stratum must have a case")
            histogram = np.array([stratum.positive, stratum.negative], dtype=np.int64)
            counts[stratum.by] = counts.get(stratum.by, np.zeros_like(histogram)) + histogram
        if set(counts) != ({(), *TABLES} if self.overall.n else {()}):
            raise ValueError("strata must be all cases and, if there are any, by each table")
        for by, total in counts.items():
            if not np.array_equal(total, counts[()]):
                raise ValueError(f"strata by {', '.join(by)} do not add up to all cases")
        return self

    @property
    def bins(self) -> int:
        """Bins of every histogram."""
        return len(self.edges) + 1

    @property
    def overall(self) -> StratumSums:
        """The sums over all cases."""
        return self.strata[0]

    def at(self, edges: Edges) -> "EvaluationSums":
        """Return the same sums over fewer, wider bins.

        Raises:
            DataError: an edge is not one of these sums, or none is left.
        """
        if edges == self.edges:
            return self
        if not edges or not set(edges) <= set(self.edges):
            raise DataError("histograms can only be merged at edges that they have")
        starts = [0, *(self.edges.index(edge) + 1 for edge in edges)]

        def merged(values: Sequence[Any]) -> tuple[Any, ...]:
            return tuple(np.add.reduceat(np.array(values), starts).tolist())

        return EvaluationSums(
            edges=edges,
            scores=merged(self.scores),
            strata=tuple(
                stratum.model_copy(
                    update={
                        "positive": merged(stratum.positive),
                        "negative": merged(stratum.negative),
                    }
                )
                for stratum in self.strata
            ),
        )

    def __add__(self, other: "EvaluationSums") -> "EvaluationSums":
        """Return the sums over the cases of both, at the edges that both have.

        Raises:
            DataError: the two have no edge in common.
        """
        if self.edges != other.edges:
            common = tuple(sorted(set(self.edges) & set(other.edges)))
            return self.at(common) + other.at(common)
        merged = {stratum.key: stratum for stratum in self.strata}
        for stratum in other.strata:
            known = merged.get(stratum.key)
            merged[stratum.key] = stratum if known is None else known + stratum
        return EvaluationSums(
            edges=self.edges,
            scores=tuple(map(sum, zip(self.scores, other.scores, strict=True))),
            strata=tuple(merged[key] for key in sorted(merged)),
        )

    def to_json(self) -> str:
        """Return the text that travels."""
        return self.canonical_json()

    @classmethod
    def from_json(cls, text: str, *, where: str) -> "EvaluationSums":
        """Read what a site sent; `where` names the site in the error.

        Raises:
            ConfigurationError: not a JSON object, a count is negative or not whole, a histogram
                has the wrong length, strata do not add up, scores do not fit their bins, or there
                are too many cases or strata.
        """
        sums = parse_json(text, cls, where=where)
        if sums.overall.n > MOST_CASES:
            raise ConfigurationError(f"sums over more than {MOST_CASES} cases", where=where)
        if len(sums.strata) > MOST_STRATA:
            raise ConfigurationError(f"more than {MOST_STRATA} strata", where=where)
        cases = np.array([sums.overall.positive, sums.overall.negative]).sum(0)
        low, high = np.array([0.0, *sums.edges]), np.array([*sums.edges, 1.0])
        scores = np.array(sums.scores)
        if (scores < cases * (low - ROUNDING)).any() or (scores > cases * (high + ROUNDING)).any():
            raise ConfigurationError("scores: a sum does not fit its bin", where=where)
        return sums


def collect(
    labels: ArrayLike,
    scores: ArrayLike,
    strata: Sequence[Mapping[str, str]],
    *,
    edges: Sequence[float],
    withheld: Collection[str] = (),
    most_bins: int = MOST_BINS,
) -> EvaluationSums:
    """Sum up cases with labels (N,) of 0 and 1, scores (N,) in [0, 1] and levels (N mappings).

    A site's policy may withhold columns, whose level then reads the same for all its cases, and
    bound the number of bins.

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
    kept = tuple(edges) if len(edges) < most_bins else coarse_edges(edges, most_bins)
    cases: dict[tuple[Columns, Level], list[int]] = {((), ()): []}
    for index, level in enumerate(strata):
        for by in ((), *TABLES):
            name = tuple(NOT_GIVEN if column in withheld else level[column] for column in by)
            cases.setdefault((by, name), []).append(index)
    # The very edges that thresholds lie on: a score is never on the wrong side of one.
    index_of = np.searchsorted(np.array(kept), score, side="right")
    return EvaluationSums(
        edges=kept,
        scores=tuple(np.bincount(index_of, weights=score, minlength=len(kept) + 1).tolist()),
        strata=tuple(
            stratum_sums(by, level, label[members], score[members], index_of[members], len(kept))
            for (by, level), members in sorted(cases.items())
        ),
    )


def total(sums: Iterable[EvaluationSums], *, edges: Sequence[float]) -> EvaluationSums:
    """Return the sums over the cases of all sites; without sites, of no case.

    Raises:
        DataError: two sites have no edge in common.
    """
    return reduce(EvaluationSums.__add__, sums, collect([], [], [], edges=edges))


def stratum_sums(
    by: Columns,
    level: Level,
    label: NDArray[Any],
    score: NDArray[np.float64],
    index: NDArray[np.intp],
    edges: int,
) -> StratumSums:
    """Sum up cases with labels (N,), scores (N,) and bins (N,), the last one of number `edges`."""
    right = np.where(label == 1, score, 1 - score).clip(SMALLEST_PROBABILITY)
    return StratumSums(
        by=by,
        level=level,
        positive=tuple(np.bincount(index[label == 1], minlength=edges + 1).tolist()),
        negative=tuple(np.bincount(index[label == 0], minlength=edges + 1).tolist()),
        loss=float(-np.log(right).sum()) + 0.0,
        brier=float(np.square(score - label).sum()),
    )
