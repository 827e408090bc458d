"""What a site sends of two models on the same cases: joint histograms that add up."""

from collections.abc import Sequence
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from pydantic import Field, model_validator

from fedcmr.errors import ConfigurationError, DataError
from fedcmr.evaluation.edges import Edges, coarse_edges, quantile_edges
from fedcmr.evaluation.sums import (
    MOST_CASES,
    ROUNDING,
    CountArray,
    Edge,
    StratumSums,
    Sum,
)
from fedcmr.settings import Settings, parse_json
from fedcmr.types import DoubleArray

JOINT_BINS = 256
"""Of either model. Together with the sums of scores they give p of the cases within 0.01: see
`tests/fedcmr/evaluation/test_acceptance.py`."""

EQUAL_BINS = 64
"""Equal bins, some of them cut: edges that a site with coarser bins has too."""

Pair = tuple[Edges, Edges]
"""Edges of the model and of the other one."""

Index = Annotated[int, Field(strict=True, ge=0, lt=JOINT_BINS)]
Cell = tuple[Index, Index, Annotated[int, Field(strict=True, ge=1, le=10**12)]]
"""Bin of the model, bin of the other one, cases."""

Inner = Annotated[tuple[Edge, ...], Field(min_length=1, max_length=JOINT_BINS - 1)]


class JointClass(Settings):
    """Cases of one class: those in each pair of bins, and the sum of the scores in each bin."""

    cells: tuple[Cell, ...] = Field(description="only those that have a case, sorted")
    scores: tuple[tuple[Sum, ...], tuple[Sum, ...]] = Field(description="of either model")

    @property
    def n(self) -> int:
        """Cases."""
        return sum(cell[2] for cell in self.cells)

    @property
    def array(self) -> CountArray:
        """The cells (3, N)."""
        return np.array(self.cells, dtype=np.int64).reshape(-1, 3).T


class JointSums(Settings):
    """Cases by the bins of two scores, each model with its own edges."""

    schema_version: Literal[2] = 2
    edges: tuple[Inner, Inner]
    positive: JointClass
    negative: JointClass

    @model_validator(mode="after")
    def _is_a_histogram(self) -> Self:
        if any(list(edges) != sorted(set(edges)) for edges in self.edges):
            raise ValueError("edges must rise")
        bins = tuple(len(edges) + 1 for edges in self.edges)
        for cases in (self.positive, self.negative):
            places = [cell[:2] for cell in cases.cells]
            if places != sorted(set(places)):
                raise ValueError("cells must be sorted, without duplicates")
            if any(ours >= bins[0] or theirs >= bins[1] for ours, theirs in places):
                raise ValueError("a cell lies outside the histogram")
            if tuple(map(len, cases.scores)) != bins:
                raise ValueError(f"there must be {bins[0]} and {bins[1]} sums of scores")
        return self

    @property
    def n(self) -> int:
        """Cases."""
        return self.positive.n + self.negative.n

    def at(self, edges: Pair) -> "JointSums":
        """Return the same sums over fewer, wider bins.

        Raises:
            DataError: an edge is not one of these sums, or none is left.
        """
        if edges == self.edges:
            return self
        if not all(new and {*new} <= {*old} for new, old in zip(edges, self.edges, strict=True)):
            raise DataError("histograms can only be merged at edges that they have")
        bin_of = [
            np.searchsorted(np.array(new), np.array([0.0, *old]), side="right")
            for new, old in zip(edges, self.edges, strict=True)
        ]

        def merged(cases: JointClass) -> JointClass:
            ours, theirs, counts = cases.array
            cells = np.stack([bin_of[0][ours], bin_of[1][theirs], counts])
            sums = (
                np.bincount(into, weights=scores).tolist()
                for into, scores in zip(bin_of, cases.scores, strict=True)
            )
            return _class(cells, *sums)

        return JointSums(
            edges=edges, positive=merged(self.positive), negative=merged(self.negative)
        )

    def __add__(self, other: "JointSums") -> "JointSums":
        """Return the sums over the cases of both, at the edges that both have.

        Raises:
            DataError: the two have no edge in common.
        """
        if self.edges != other.edges:
            ours, theirs = (
                tuple(sorted({*one} & {*two}))
                for one, two in zip(self.edges, other.edges, strict=True)
            )
            return self.at((ours, theirs)) + other.at((ours, theirs))

        def added(one: JointClass, two: JointClass) -> JointClass:
            sums = (np.add(*parts).tolist() for parts in zip(one.scores, two.scores, strict=True))
            return _class(np.concatenate([one.array, two.array], axis=1), *sums)

        return JointSums(
            edges=self.edges,
            positive=added(self.positive, other.positive),
            negative=added(self.negative, other.negative),
        )

    def to_json(self) -> str:
        """Return the text that travels."""
        return self.canonical_json()

    @classmethod
    def from_json(cls, text: str, *, where: str) -> "JointSums":
        """Read what a site sent; `where` names the site in the error.

        Raises:
            ConfigurationError: not such sums, of too many cases, or scores do not fit their bins.
        """
        sums = parse_json(text, cls, where=where)
        if sums.n > MOST_CASES:
            raise ConfigurationError(f"sums over more than {MOST_CASES} cases", where=where)
        for model, edges in enumerate(sums.edges):
            low, high = np.array([0.0, *edges]) - ROUNDING, np.array([*edges, 1.0]) + ROUNDING
            for cases in (sums.positive, sums.negative):
                scores, counts = np.array(cases.scores[model]), margin(cases.array, model, len(low))
                if (scores < counts * low).any() or (scores > counts * high).any():
                    raise ConfigurationError("scores: a sum does not fit its bin", where=where)
        return sums


def collect_joint(
    labels: ArrayLike,
    scores: ArrayLike,
    others: ArrayLike,
    *,
    edges: tuple[Sequence[float], Sequence[float]],
    most_bins: int = JOINT_BINS,
) -> JointSums:
    """Sum up cases with labels (N,) by two scores (N,), both in [0, 1].

    Raises:
        DataError: lengths differ, a label is not 0 or 1, or a score is outside [0, 1] or NaN.
    """
    label = np.asarray(labels)
    pair = [np.asarray(of, dtype=np.float64) for of in (scores, others)]
    if any(of.shape != label.shape for of in pair) or not np.isin(label, (0, 1)).all():
        raise DataError("a paired comparison needs a label of 0 or 1 and two scores per case")
    if not all(((of >= 0) & (of <= 1)).all() for of in pair):
        raise DataError("scores must be numbers from 0 to 1", fix="check that training converged")
    most = min(most_bins, JOINT_BINS)
    ours, theirs = (
        tuple(asked) if len(asked) < most else coarse_edges(asked, most) for asked in edges
    )
    kept = (ours, theirs)
    index = [np.searchsorted(np.array(e), s, side="right") for e, s in zip(kept, pair, strict=True)]

    def summed(value: int) -> JointClass:
        chosen = label == value
        ones = np.ones(int(chosen.sum()), dtype=np.int64)
        sums = (
            np.bincount(bins[chosen], weights=score[chosen], minlength=len(inner) + 1).tolist()
            for bins, score, inner in zip(index, pair, kept, strict=True)
        )
        return _class(np.stack([*(bins[chosen] for bins in index), ones]), *sums)

    return JointSums(edges=kept, positive=summed(1), negative=summed(0))


def joint_edges(edges: Edges, cases: StratumSums) -> Edges:
    """Return the edges to compare a model by, from histograms of all cases on others.

    Few and equal bins everywhere, and all others where the classes overlap.
    """
    positive, negative = (
        np.array(counts, dtype=np.float64) for counts in (cases.positive, cases.negative)
    )
    equal = {k / EQUAL_BINS for k in range(1, EQUAL_BINS)}
    cut = quantile_edges(edges, positive, negative, JOINT_BINS - EQUAL_BINS + 1)
    return tuple(sorted({*equal, *cut}))


def margin(cells: CountArray, model: int, bins: int) -> DoubleArray:
    """Return the cases in each bin (bins,) of a model, 0 or 1, from cells (3, N)."""
    return np.bincount(cells[model], weights=cells[2], minlength=bins).astype(np.float64)


def _class(cells: CountArray, ours: list[float], theirs: list[float]) -> JointClass:
    """Return the sums of a class, cells (3, N) of equal bins taken together."""
    places, which = np.unique(cells[0] * JOINT_BINS + cells[1], return_inverse=True)
    counts = np.zeros(len(places), dtype=np.int64)
    np.add.at(counts, which, cells[2])
    rows = np.stack([places // JOINT_BINS, places % JOINT_BINS, counts], axis=1)
    return JointClass(
        cells=tuple((i, j, count) for i, j, count in rows.tolist()),
        scores=(tuple(ours), tuple(theirs)),
    )
