"""Areas of several sites taken together: within-site mean, random effects, heterogeneity."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2

from fedcmr.evaluation.delong import area
from fedcmr.evaluation.intervals import expit, logit_interval
from fedcmr.evaluation.results import Estimate, Heterogeneity
from fedcmr.evaluation.sums import StratumSums


@dataclass(frozen=True)
class Effects:
    """Estimates of one quantity by several studies, summed up."""

    fixed: float
    fixed_variance: float
    random: float
    random_variance: float
    q: float
    tau2: float


def effects(values: Sequence[float], variances: Sequence[float]) -> Effects:
    """Return inverse-variance mean, random-effects mean, Cochran's Q and tau2 of k >= 1 studies.

    DerSimonian and Laird 1986, "Meta-analysis in clinical trials".
    """
    value = np.array(values, dtype=np.float64)
    weight = 1 / np.array(variances, dtype=np.float64)
    fixed = float(weight @ value / weight.sum())
    q = float(weight @ np.square(value - fixed))
    free = weight.sum() - np.square(weight).sum() / weight.sum()
    tau2 = max(0.0, (q - (len(value) - 1)) / free) if len(value) > 1 else 0.0
    other = 1 / (1 / weight + tau2)
    return Effects(
        fixed=fixed,
        fixed_variance=float(1 / weight.sum()),
        random=float(other @ value / other.sum()),
        random_variance=float(1 / other.sum()),
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
    """Return the random-effects mean as an area."""
    return logit_interval(expit(found.random), found.random, found.random_variance)


def heterogeneity(found: Effects, sites: int) -> Heterogeneity:
    """Return the spread between two or more sites (Higgins and Thompson 2002 for I2)."""
    free = sites - 1
    return Heterogeneity(
        sites=sites,
        q=found.q,
        p=float(chi2.sf(found.q, free)),
        i2=max(0.0, (found.q - free) / found.q) if found.q > 0 else 0.0,
        tau2=found.tau2,
    )
