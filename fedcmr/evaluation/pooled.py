"""Areas of several sites taken together: within-site mean, random effects, heterogeneity."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2
from scipy.stats import t as student

from fedcmr.evaluation.delong import area
from fedcmr.evaluation.intervals import Z95, expit, logit_interval
from fedcmr.evaluation.results import Estimate, Heterogeneity
from fedcmr.evaluation.sums import StratumSums


@dataclass(frozen=True)
class Effects:
    """Estimates of one quantity by several studies, summed up."""

    fixed: float
    fixed_variance: float
    random: float
    random_variance: float
    free: int
    """Degrees of freedom of `random_variance` and of `q`; 0 of one study, whose own it is."""
    q: float
    tau2: float


def effects(values: Sequence[float], variances: Sequence[float]) -> Effects:
    """Return inverse-variance mean, random-effects mean, Cochran's Q and tau2 of k >= 1 studies.

    DerSimonian and Laird 1986, "Meta-analysis in clinical trials"; variance of the random-effects
    mean by Hartung and Knapp 2001, not below the one that takes tau2 as known (the modification
    that Roever, Knapp and Friede 2015 examine): few sites say little of how much sites differ.
    """
    value = np.array(values, dtype=np.float64)
    weight = 1 / np.array(variances, dtype=np.float64)
    fixed = float(weight @ value / weight.sum())
    q = float(weight @ np.square(value - fixed))
    scale = weight.sum() - np.square(weight).sum() / weight.sum()
    free = len(value) - 1
    tau2 = max(0.0, (q - free) / scale) if free else 0.0
    other = 1 / (1 / weight + tau2)
    random = float(other @ value / other.sum())
    spread = float(other @ np.square(value - random)) / free if free else 1.0
    return Effects(
        fixed=fixed,
        fixed_variance=float(1 / weight.sum()),
        random=random,
        random_variance=max(1.0, spread) / float(other.sum()),
        free=free,
        q=q,
        tau2=float(tau2),
    )


def site_effects(sites: Sequence[StratumSums]) -> Effects:
    """Return the effects of one or more sites' areas on the logit scale.

    A pooled area also compares a case of one site with a case of another; this does not.

    Raises:
        DataError: a site has no case of a class.
    """
    areas = [area(site) for site in sites]
    return effects([a.logit for a in areas], [a.logit_variance for a in areas])


def fixed_auc(found: Effects) -> Estimate:
    """Return the inverse-variance mean as an area."""
    return logit_interval(expit(found.fixed), found.fixed, found.fixed_variance)


def random_auc(found: Effects) -> Estimate:
    """Return the random-effects mean as an area, interval by Student's t."""
    quantile = float(student.ppf(0.975, found.free)) if found.free else Z95
    return logit_interval(expit(found.random), found.random, found.random_variance, quantile)


def heterogeneity(found: Effects) -> Heterogeneity:
    """Return the spread between two or more sites (Higgins and Thompson 2002 for I2)."""
    return Heterogeneity(
        sites=found.free + 1,
        q=found.q,
        p=float(chi2.sf(found.q, found.free)),
        i2=max(0.0, (found.q - found.free) / found.q) if found.q > 0 else 0.0,
        tau2=found.tau2,
    )
