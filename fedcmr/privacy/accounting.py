"""What private steps cost: epsilon by Opacus' accountants, over any mixture of steps.

Neighbours differ by one patient, added or removed. A step draws every patient with probability
`sample_rate` and adds Gaussian noise of `noise_multiplier` times the clip to the sum of the drawn
patients' clipped gradients (Abadi et al., CCS 2016). RDP is Mironov et al., arXiv:1908.10530; PRV
is Gopi et al., NeurIPS 2021.

Opacus is imported where it counts: it takes as long as all the rest of a site, and a run without
privacy needs none of it.
"""

import math
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TypeAlias

import numpy as np

from fedcmr.config import Experiment
from fedcmr.errors import ConfigurationError

Accountant: TypeAlias = Literal["rdp", "prv"]
History: TypeAlias = tuple[tuple[float, float, int], ...]
"""Noise, rate and steps, as Opacus wants them."""

LEAST_NOISE = 0.1
"""Below it Opacus' series hardly converges, and nothing is private anyway."""
RELATIVE_ERROR = 4e-4
"""Of PRV's grid, over epsilon; its answer is an upper bound still."""
FINEST_ERROR, COARSEST_ERROR = 1e-4, 1e-2
"""A finer grid takes minutes where a run is calibrated; the coarsest is Opacus' default."""
MOST_POINTS = 2**23
"""Of PRV's grid, about 400 MB: an experiment must not be able to fill a site's memory."""
MOST_LOSS = 700.0
"""Largest privacy loss on PRV's grid; its exponential is still a number."""
LEAST_DELTA = 1e-11
"""For PRV: below it the rounding of Opacus' convolutions, 2e-14, would count."""
CALIBRATION = 1e-3
"""How far below `target_epsilon` a calibrated run may end, relative."""
MOST_NOISE = 1e6
"""No run is calibrated to more."""


@dataclass(frozen=True)
class Spending:
    """Equal private steps of one data set."""

    noise_multiplier: float
    """Standard deviation of the noise over the clip of one patient's gradient; from LEAST_NOISE."""
    sample_rate: float
    """Probability of every patient to be in a step, above 0, at most 1."""
    steps: int

    def __post_init__(self) -> None:
        if not (
            LEAST_NOISE <= self.noise_multiplier < math.inf
            and 0 < self.sample_rate <= 1
            and self.steps >= 0
        ):
            raise ValueError(f"no such spending: {self}")


def epsilon(spendings: Iterable[Spending], delta: float, accountant: Accountant) -> float:
    """Return epsilon of all spendings together at `delta`, in any order; inf when unbounded.

    Both accountants give upper bounds. PRV's is within 1e-3 of the least there is, relative, from
    epsilon 0.1 and where MOST_POINTS allow so fine a grid. Where they allow none at all, its answer
    is RDP's, which is larger.
    """
    steps: dict[tuple[float, float], int] = {}
    for spending in spendings:
        if spending.steps:
            key = spending.noise_multiplier, spending.sample_rate
            steps[key] = steps.get(key, 0) + spending.steps
    history = tuple((*key, steps[key]) for key in sorted(steps))
    if not history:
        return 0.0
    with _quiet():
        return _rdp(history, delta) if accountant == "rdp" else _prv(history, delta)


def plan(experiment: Experiment, patients: int) -> Spending:
    """Return what one round of a private experiment spends at a site, before it trains.

    A round has `local_epochs` times ceil(patients / batch_size) steps. `target_epsilon` is
    calibrated over all planned rounds.

    Args:
        experiment: with a privacy mechanism.
        patients: with a labelled study to train on, at least one.

    Raises:
        ConfigurationError: delta is not below 1 / patients, or no noise reaches target_epsilon.
    """
    privacy, training = experiment.privacy, experiment.training
    if privacy.delta >= 1 / patients:
        raise ConfigurationError(
            "privacy.delta is not below 1 / training patients of this site",
            fix="ask the coordinator for a smaller delta",
        )
    rate = min(1.0, training.batch_size / patients)
    steps = training.local_epochs * math.ceil(patients / training.batch_size)
    noise = privacy.noise_multiplier
    if noise is None:
        assert privacy.target_epsilon is not None  # the settings' own check
        total = steps * experiment.federation.rounds
        noise = _calibrated(privacy.target_epsilon, privacy.delta, rate, total, privacy.accountant)
    return Spending(noise, rate, steps)


@lru_cache(maxsize=64)
def _calibrated(
    target: float, delta: float, rate: float, steps: int, accountant: Accountant
) -> float:
    """Return the noise that spends at most the target, and less by at most CALIBRATION of it.

    A bracketed secant on log epsilon against log noise, which are nearly on a line. PRV starts
    from RDP's answer: it takes seconds each, and hardly less noise will do.
    """

    def spent(noise: float) -> float:
        return epsilon([Spending(noise, rate, steps)], delta, accountant)

    aim = target * (1 - CALIBRATION / 2)
    if spent(LEAST_NOISE) <= target:
        raise ConfigurationError(
            f"privacy.target_epsilon {target:g} asks for less noise than {LEAST_NOISE:g}",
            fix="lower privacy.target_epsilon or plan more rounds",
        )
    low, high, noise, slope = LEAST_NOISE, math.inf, 1.0, 1.0
    if accountant == "prv":  # RDP reaches no epsilon much below -log(delta) / 60
        noise = _calibrated(max(target, -math.log(delta) / 30), delta, rate, steps, "rdp")
    last: tuple[float, float] | None = None
    while not target * (1 - CALIBRATION) <= (reached := spent(noise)) <= target:
        if reached > target:
            low = noise
        else:
            high = noise
        if low > MOST_NOISE:
            raise ConfigurationError(
                f"no noise keeps {steps} steps below epsilon {target:g}",
                fix="raise privacy.target_epsilon or plan fewer rounds",
            )
        if high < low * (1 + CALIBRATION / 10):  # where PRV's grid stops to fit, epsilon jumps
            return high
        if 0 < reached < math.inf:
            if last is not None and reached != last[1]:
                slope = math.log(noise / last[0]) / math.log(last[1] / reached)
            last = noise, reached
            noise *= (reached / aim) ** min(max(slope, 0.1), 2.0)
        if high == math.inf:
            noise = max(noise, 2 * low)
        elif not low < noise < high:
            noise = math.sqrt(low * high)
    return noise


@lru_cache(maxsize=256)
def _prv(history: History, delta: float) -> float:
    bound, half = _rdp(history, delta), _half_domain(history, delta)
    total = sum(steps for _, _, steps in history)
    width = 2 * half * math.sqrt(total * math.log(12_000 / delta) / 2)
    finest = max(FINEST_ERROR, width / MOST_POINTS)
    if delta < LEAST_DELTA or half > MOST_LOSS or finest > COARSEST_ERROR:
        return bound

    from opacus.accountants import PRVAccountant

    def value(error: float) -> float:
        prv = PRVAccountant()
        prv.history = list(history)
        return float(prv.get_epsilon(delta, eps_error=error))

    error = max(finest, min(RELATIVE_ERROR * bound, COARSEST_ERROR))
    found = value(error)
    if error > max(finest, 2 * RELATIVE_ERROR * found):  # RDP was far above
        found = value(max(finest, RELATIVE_ERROR * found))
    return max(0.0, found) if found <= bound else bound  # a value that is no number is no answer


def _half_domain(history: History, delta: float) -> float:
    """Return the largest privacy loss on the grid that Opacus will make."""
    from opacus.accountants.analysis.prv import (
        PoissonSubsampledGaussianPRV,
        compute_safe_domain_size,
    )

    prvs = [PoissonSubsampledGaussianPRV(rate, noise) for noise, rate, _ in history]
    steps = [number for _, _, number in history]
    return float(compute_safe_domain_size(prvs, steps, COARSEST_ERROR, delta / 1000))


def _rdp(history: History, delta: float) -> float:
    from opacus.accountants import RDPAccountant
    from opacus.accountants.analysis.rdp import get_privacy_spent

    total = sum(steps * np.array(_divergences(noise, rate)) for noise, rate, steps in history)
    orders = RDPAccountant.DEFAULT_ALPHAS
    value = float(get_privacy_spent(orders=orders, rdp=total, delta=delta)[0])
    return max(0.0, value) if math.isfinite(value) else math.inf


@lru_cache(maxsize=256)
def _divergences(noise: float, rate: float) -> tuple[float, ...]:
    """Return Renyi divergences of one step, an order each: a tenth of a second and more."""
    from opacus.accountants import RDPAccountant
    from opacus.accountants.analysis.rdp import compute_rdp

    orders = RDPAccountant.DEFAULT_ALPHAS
    return tuple(compute_rdp(q=rate, noise_multiplier=noise, steps=1, orders=orders))


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence log(1 - sample_rate) of a full batch and advice on orders: the bounds hold."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
