"""Areas of several sites: Cochran's Q, I2, tau2, DerSimonian-Laird, Hartung-Knapp."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference.effects import slow_effects

from fedcmr.evaluation.delong import area, auc_interval
from fedcmr.evaluation.intervals import expit
from fedcmr.evaluation.pooled import effects, fixed_auc, heterogeneity, random_auc, site_effects
from fedcmr.evaluation.roc import auc
from fedcmr.evaluation.sums import StratumSums

# Trials of BCG against tuberculosis (Colditz 1994): cases and others, vaccinated and not.
BCG = (
    ((4, 119), (11, 128)),
    ((6, 300), (29, 274)),
    ((3, 228), (11, 209)),
    ((62, 13536), (248, 12619)),
    ((33, 5036), (47, 5761)),
    ((180, 1361), (372, 1079)),
    ((8, 2537), (10, 619)),
    ((505, 87886), (499, 87892)),
    ((29, 7470), (45, 7232)),
    ((17, 1699), (65, 1600)),
    ((186, 50448), (141, 27197)),
    ((5, 2493), (3, 2338)),
    ((27, 16886), (29, 17825)),
)


def test_the_trials_of_bcg_give_the_published_numbers() -> None:
    # Viechtbauer 2010, J Stat Softw 36(3): rma(yi, vi, method = "DL") of the R package metafor.
    values = [np.log(a / (a + b)) - np.log(c / (c + d)) for (a, b), (c, d) in BCG]
    variances = [1 / a - 1 / (a + b) + 1 / c - 1 / (c + d) for (a, b), (c, d) in BCG]
    found = effects(values, variances)
    spread = heterogeneity(found)
    assert found.tau2 == pytest.approx(0.3088, abs=5e-5)
    assert found.q == pytest.approx(152.2330, abs=5e-5)
    assert spread.i2 == pytest.approx(0.9212, abs=5e-5)
    assert spread.p < 1e-4
    assert found.random == pytest.approx(-0.7141, abs=5e-5)
    assert found.fixed == pytest.approx(-0.4303, abs=5e-5)
    # statsmodels 0.15.0: combine_effects(values, variances, method_re="chi2", use_t=True).
    assert found.random_variance**0.5 == pytest.approx(0.1806966283355474)
    mean = random_auc(found)
    assert mean.value == pytest.approx(expit(-0.7141172220732273))
    assert mean.low == pytest.approx(expit(-1.10782135))
    assert mean.high == pytest.approx(expit(-0.32041309))


def test_sites_that_agree_by_chance_do_not_narrow_the_interval() -> None:
    found = effects([0.5, 0.5, 0.5], [0.1, 0.1, 0.1])
    assert found.random_variance == pytest.approx(0.1 / 3)
    # 4.3027 is the 97.5 % quantile of Student's t with two degrees of freedom.
    assert random_auc(found).high == pytest.approx(expit(0.5 + 4.302653 * (0.1 / 3) ** 0.5))


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(st.floats(-4, 4), st.floats(0.01, 4)), min_size=1, max_size=12))
def test_effects_are_those_of_the_formulas(studies: list[tuple[float, float]]) -> None:
    found = effects(*zip(*studies, strict=True))
    slow = slow_effects(studies)
    assert vars(found) == pytest.approx(slow, rel=1e-9, abs=1e-9)


def test_equal_studies_are_not_heterogeneous() -> None:
    spread = heterogeneity(effects([0.5] * 4, [0.1] * 4))
    assert (spread.q, spread.i2, spread.tau2) == pytest.approx((0, 0, 0))
    assert spread.p == pytest.approx(1)


def test_mean_of_sites_ignores_shifts_between_sites(histogram: Callable[..., StratumSums]) -> None:
    rng = np.random.default_rng(5)
    labels = np.arange(200) % 2
    inside = 0.2 * labels + 0.3 * rng.random(200)
    low = histogram(labels.tolist(), inside.tolist())
    high = histogram(labels.tolist(), (inside + 0.5).tolist())
    pooled = histogram([*labels, *labels], [*inside, *(inside + 0.5)])
    mean = fixed_auc(site_effects([low, high]))
    assert mean.value == pytest.approx((auc(low).value + auc(high).value) / 2, abs=0.01)
    assert auc(pooled).value < mean.value - 0.15


def test_mean_of_one_site_is_its_own(histogram: Callable[..., StratumSums]) -> None:
    site = histogram([0, 1, 0, 1, 1, 0], [0.1, 0.9, 0.6, 0.4, 0.8, 0.2])
    found = site_effects([site])
    assert fixed_auc(found) == random_auc(found)
    assert fixed_auc(found).value == pytest.approx(auc_interval(site).value)


def test_sites_weigh_by_inverse_variance(histogram: Callable[..., StratumSums]) -> None:
    rng = np.random.default_rng(6)
    sites = []
    for n, shift in ((400, 0.2), (40, 0.6)):
        labels = np.arange(n) % 2
        scores = np.clip(0.4 * rng.random(n) + shift * labels * rng.random(n), 0, 1)
        sites.append(histogram(labels.tolist(), scores.tolist()))
    a, b = map(area, sites)
    weights = 1 / a.logit_variance, 1 / b.logit_variance
    mean = (a.logit * weights[0] + b.logit * weights[1]) / sum(weights)
    assert fixed_auc(site_effects(sites)).value == pytest.approx(expit(mean))
