"""Epsilon against Opacus' accountants, against dp-accounting, an independent library, and against
the integral behind RDP.

dp-accounting's RDP is no oracle at fractional orders: it adds up the absolute values of a series
whose signs alternate, and leaves out orders that need more than 1,000 terms. It is never below.
"""

from typing import Any

import dp_accounting as dpa
import numpy as np
import pytest
from dp_accounting.pld import PLDAccountant
from dp_accounting.rdp import RdpAccountant
from opacus.accountants import PRVAccountant, RDPAccountant
from opacus.accountants.analysis.prv import PoissonSubsampledGaussianPRV
from opacus.accountants.analysis.rdp import compute_rdp
from reference import renyi

from fedcmr.config import Experiment
from fedcmr.errors import ConfigurationError
from fedcmr.privacy import accounting
from fedcmr.privacy.accounting import MOST_POINTS, Accountant, Spending, epsilon, plan

ONE_RUN = [Spending(1.0, 0.05, 20)] * 5
TWO_RUNS = [Spending(1.5, 0.2, 30)] * 2 + [Spending(4.0, 1.0, 20)]
FULL_BATCH = [Spending(4.0, 1.0, 50)]
WEAK = [[Spending(noise, 0.1, 100)] for noise in (0.5, 0.7, 0.9, 1.1)]
MIXED = [Spending(0.5, 0.05, 20), Spending(1.5, 0.2, 50)]
LITTLE = [Spending(2.0, 0.05, 1)]
CASES = [
    (ONE_RUN, 1e-5),
    (TWO_RUNS, 1e-5),
    (FULL_BATCH, 1e-4),
    *((weak, 1e-5) for weak in WEAK),
    (MIXED, 1e-5),
    (LITTLE, 1e-5),
]


def event(spendings: list[Spending]) -> dpa.DpEvent:
    events = []
    for part in spendings:
        step = dpa.GaussianDpEvent(part.noise_multiplier)
        if part.sample_rate < 1:
            step = dpa.PoissonSampledDpEvent(part.sample_rate, step)
        events.append(dpa.SelfComposedDpEvent(step, part.steps))
    return dpa.ComposedDpEvent(events)


def private(**privacy: Any) -> Experiment:
    sections = {
        "privacy": {"mechanism": "dp_sgd", "delta": 1e-4} | privacy,
        "federation": {"rounds": 20, "select": "last"},
        "training": {"batch_size": 16, "local_epochs": 2},
    }
    return Experiment.model_validate({"name": "private", **sections})


def history(spendings: list[Spending]) -> list[tuple[float, float, int]]:
    return [(part.noise_multiplier, part.sample_rate, part.steps) for part in spendings]


@pytest.mark.filterwarnings("ignore:Optimal order is the largest alpha")
@pytest.mark.parametrize(("spendings", "delta"), CASES[:5])
def test_epsilon_equals_opacus(spendings: list[Spending], delta: float) -> None:
    rdp, prv = RDPAccountant(), PRVAccountant()
    rdp.history = history(spendings)
    prv.history = history(spendings)
    assert epsilon(spendings, delta, "rdp") == pytest.approx(rdp.get_epsilon(delta), rel=1e-9)
    ours = epsilon(spendings, delta, "prv")
    with np.errstate(divide="ignore"):  # log(1 - rate) of a full batch
        theirs = prv.get_epsilon(delta, eps_error=min(1e-2, 6e-4 * ours))
    assert ours == pytest.approx(theirs, rel=1e-3)


@pytest.mark.parametrize(("spendings", "delta"), CASES)
def test_epsilon_equals_dp_accounting(spendings: list[Spending], delta: float) -> None:
    """By its privacy loss distributions, which are pessimistic by less than the tolerance."""
    ours = epsilon(spendings, delta, "prv")
    pld = PLDAccountant(value_discretization_interval=2e-4 * ours)
    pld.compose(event(spendings))
    assert ours == pytest.approx(pld.get_epsilon(delta), rel=1e-3)


@pytest.mark.parametrize(("spendings", "delta"), CASES)
def test_rdp_equals_the_integral(spendings: list[Spending], delta: float) -> None:
    orders = RDPAccountant.DEFAULT_ALPHAS
    rdp = epsilon(spendings, delta, "rdp")
    assert rdp == pytest.approx(renyi.epsilon(history(spendings), delta, orders), rel=1e-6)
    assert epsilon(spendings, delta, "prv") < rdp
    theirs = RdpAccountant(orders)
    theirs.compose(event(spendings))
    assert rdp <= theirs.get_epsilon(delta) * (1 + 1e-6)


@pytest.mark.parametrize(("spendings", "delta"), [(ONE_RUN, 1e-5), (FULL_BATCH, 1e-4)])
def test_rdp_equals_dp_accounting_where_large_orders_decide(
    spendings: list[Spending], delta: float
) -> None:
    rdp = RdpAccountant(RDPAccountant.DEFAULT_ALPHAS)
    rdp.compose(event(spendings))
    assert epsilon(spendings, delta, "rdp") == pytest.approx(rdp.get_epsilon(delta), rel=1e-3)


@pytest.mark.parametrize("noise", [0.1, 0.5, 4.0])
@pytest.mark.parametrize("rate", [0.001, 0.1, 0.9])
def test_no_order_of_opacus_is_below_the_integral(noise: float, rate: float) -> None:
    """An order that came out too small would promise too much, whatever the accountant."""
    orders = RDPAccountant.DEFAULT_ALPHAS[::7]
    found = compute_rdp(q=rate, noise_multiplier=noise, steps=1, orders=orders)
    exact = [renyi.divergence(noise, rate, order) for order in orders]
    np.testing.assert_allclose(found, exact, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("accountant", ["rdp", "prv"])
def test_order_and_grouping_do_not_matter(accountant: Accountant) -> None:
    one = epsilon([Spending(2.0, 0.1, 30), Spending(3.0, 0.2, 10)], 1e-5, accountant)
    parts = [Spending(3.0, 0.2, 4), Spending(2.0, 0.1, 30), Spending(3.0, 0.2, 6)]
    assert epsilon(parts, 1e-5, accountant) == one
    assert epsilon([*parts, Spending(2.0, 0.1, 1)], 1e-5, accountant) > one


@pytest.mark.parametrize(("noise", "rate", "steps"), [(0.1, 1.0, 10**6), (0.3, 0.5, 2000)])
def test_no_experiment_fills_the_memory_of_a_site(
    monkeypatch: pytest.MonkeyPatch, noise: float, rate: float, steps: int
) -> None:
    """Opacus' grid would have 1e8 points and more: RDP's larger answer is taken."""
    monkeypatch.setattr(PRVAccountant, "get_epsilon", None)
    weak = [Spending(noise, rate, steps)]
    assert epsilon(weak, 1e-5, "prv") == epsilon(weak, 1e-5, "rdp") > 100


def test_an_answer_that_is_no_number_does_not_count_as_nothing_spent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(PRVAccountant, "get_epsilon", lambda *_, **__: float("nan"))
    spent = [Spending(1.01, 0.049, 19)]  # of no other test: answers are kept
    assert epsilon(spent, 1e-5, "prv") == epsilon(spent, 1e-5, "rdp") > 1


def test_nothing_spent_is_zero() -> None:
    assert epsilon([], 1e-5, "prv") == 0.0
    assert epsilon([Spending(1.0, 0.1, 0)], 1e-5, "rdp") == 0.0


def test_a_round_has_the_steps_of_its_epochs() -> None:
    assert plan(private(noise_multiplier=1.25), 50) == Spending(1.25, 16 / 50, 8)
    assert plan(private(noise_multiplier=1.25), 10) == Spending(1.25, 1.0, 2)


@pytest.mark.parametrize("accountant", ["rdp", "prv"])
def test_target_epsilon_is_spent_by_all_rounds_together(accountant: Accountant) -> None:
    spending = plan(private(target_epsilon=3.0, accountant=accountant), 50)
    assert spending.sample_rate == 16 / 50
    spent = epsilon([spending] * 20, 1e-4, accountant)
    assert 3.0 * (1 - 1e-3) <= spent <= 3.0


def shaped(rounds: int, batch_size: int, **privacy: Any) -> Experiment:
    data = private(**privacy).model_dump(mode="json")
    data["federation"]["rounds"], data["training"]["batch_size"] = rounds, batch_size
    return Experiment.model_validate(data)


def test_no_target_fills_the_memory_of_a_site(monkeypatch: pytest.MonkeyPatch) -> None:
    """Opacus' own search starts at noise 10, where the grid of so many steps has 1e8 points."""

    def small(self: PRVAccountant, delta: float, *, eps_error: float) -> float:
        prvs = [PoissonSubsampledGaussianPRV(rate, noise) for noise, rate, _ in self.history]
        steps = [number for _, _, number in self.history]
        domain = self._get_domain(prvs, steps, eps_error, delta / 1000)
        assert domain.size <= MOST_POINTS * (1 + 1e-3)
        return accounting._rdp(tuple(self.history), delta)

    monkeypatch.setattr(PRVAccountant, "get_epsilon", small)
    spending = plan(shaped(2000, 1, target_epsilon=3.0, accountant="prv"), 50)
    assert 2.99 < epsilon([spending] * 2000, 1e-4, "rdp") <= 3.0


@pytest.mark.parametrize("accountant", ["rdp", "prv"])
def test_a_target_that_asks_for_hardly_any_noise_is_refused(accountant: Accountant) -> None:
    data = shaped(1, 10, target_epsilon=100, delta=0.09, accountant=accountant).model_dump()
    data["training"]["local_epochs"] = 1
    generous = Experiment.model_validate(data)
    with pytest.raises(ConfigurationError, match=r"asks for less noise than 0\.1.*lower privacy"):
        plan(generous, 10)


def test_a_target_that_no_noise_reaches_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"no noise keeps 160 steps below epsilon 0\.02"):
        plan(private(target_epsilon=0.02, accountant="rdp"), 50)


def test_delta_must_be_below_one_over_the_patients() -> None:
    with pytest.raises(ConfigurationError, match="delta"):
        plan(private(noise_multiplier=1.0, delta=1e-2), 100)


def test_a_spending_that_cannot_be_is_refused() -> None:
    for values in ((0.05, 0.5, 1), (1.0, 0.0, 1), (1.0, 1.5, 1), (1.0, 0.5, -1)):
        with pytest.raises(ValueError, match="no such spending"):
            Spending(*values)
