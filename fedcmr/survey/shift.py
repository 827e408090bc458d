"""How far a site's data lie from everybody's, as one number for each thing that was counted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from fedcmr.survey.measures import MEASURES
from fedcmr.survey.sums import SurveySums, total
from fedcmr.types import DoubleArray

Histogram = Sequence[float]

NOTABLE = 0.2
"""Smaller distances are not pointed out: two normal distributions half a standard deviation apart
have 0.21, two prevalences of 0 and 8 % have 0.2."""

DRAWS, CHANCE = 400, 0.95
"""How chance is reckoned: the quantile of so many draws."""


@dataclass(frozen=True)
class Shift:
    """Distance of a site from all other sites together."""

    distance: float
    chance: float
    """What 19 of 20 sites of this size would stay below if all drew from the same patients."""

    @property
    def notable(self) -> bool:
        """More than chance, and enough to matter."""
        return self.distance >= max(NOTABLE, self.chance)


def jensen_shannon(counts: ArrayLike, others: ArrayLike) -> float:
    """Return the Jensen-Shannon distance of two histograms (bins,), from 0 to 1.

    The square root of the divergence with logarithms to base 2 (Endres and Schindelin 2003); it is
    a metric. An empty histogram differs from nothing: 0.
    """
    p, q = np.asarray(counts, dtype=np.float64), np.asarray(others, dtype=np.float64)
    if not p.sum() or not q.sum():
        return 0.0
    p, q = p / p.sum(), q / q.sum()
    middle = (p + q) / 2

    def divergence(part: DoubleArray) -> float:
        inside = part > 0
        return float(part[inside] @ np.log2(part[inside] / middle[inside]))

    return float(np.sqrt(max(0.0, (divergence(p) + divergence(q)) / 2)))


def shifts(per_site: Mapping[str, SurveySums]) -> dict[str, dict[str, Shift]]:
    """Return site to its shift by what was counted.

    The names are those of the measures, "intensity", and "labels" (the two classes). With fewer
    than two sites there is nothing to compare.
    """
    found: dict[str, dict[str, Shift]] = {}
    for name, sums in sorted(per_site.items()):
        others = [other for site, other in sorted(per_site.items()) if site != name]
        if others:
            rest = _histograms(total(others))
            found[name] = {what: _shift(own, rest[what]) for what, own in _histograms(sums).items()}
    return found


def _histograms(sums: SurveySums) -> dict[str, Histogram]:
    counted = {measure.name: sums.measures[measure.name] for measure in MEASURES}
    return {**counted, "intensity": sums.intensity, "labels": (sums.positives, sums.negatives)}


def _shift(own: Histogram, rest: Histogram) -> Shift:
    one, other = np.asarray(own, dtype=np.float64), np.asarray(rest, dtype=np.float64)
    pooled = one + other
    sizes = round(one.sum()), round(other.sum())
    if not all(sizes):
        return Shift(0.0, 1.0)
    # A fixed seed: the same sums give the same page.
    rng = np.random.default_rng(0)
    first, second = (rng.multinomial(n, pooled / pooled.sum(), DRAWS) for n in sizes)
    drawn = [jensen_shannon(a, b) for a, b in zip(first, second, strict=True)]
    return Shift(jensen_shannon(one, other), float(np.quantile(drawn, CHANCE)))
