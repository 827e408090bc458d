"""Chance: the distributions that the accountants assume, from a source that does not repeat."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from fedcmr.privacy.noise import Chance

SOURCES = pytest.mark.parametrize("secure", [True, False], ids=["secure", "fast"])
MANY = 400_000


@SOURCES
def test_noise_is_standard_normal(secure: bool) -> None:
    drawn = Chance(secure=secure).normal(torch.zeros(MANY // 2, 2)).flatten().numpy()
    assert drawn.dtype == np.float32
    assert abs(drawn.mean()) < 5 / math.sqrt(MANY)
    assert abs(drawn.var() - 1) < 5 * math.sqrt(2 / MANY)
    assert stats.kstest(drawn, "norm").pvalue > 1e-6
    halves = np.corrcoef(drawn[: MANY // 2], drawn[MANY // 2 :])[0, 1]
    assert abs(halves) < 5 / math.sqrt(MANY // 2)


@SOURCES
def test_every_patient_is_drawn_alone_with_the_rate(secure: bool) -> None:
    chance, rate, patients, draws = Chance(secure=secure), 0.2, 10, 4000
    present = np.zeros((draws, patients))
    for row in present:
        row[chance.chosen(patients, rate).numpy()] = 1
    deviation = math.sqrt(rate * (1 - rate) / draws)
    assert np.abs(present.mean(0) - rate).max() < 5 * deviation
    sizes = present.sum(1)
    assert sizes.var() == pytest.approx(patients * rate * (1 - rate), rel=0.15)
    assert sizes.min() == 0
    assert chance.chosen(patients, 1.0).tolist() == list(range(patients))


@SOURCES
def test_no_two_sources_repeat(secure: bool) -> None:
    torch.manual_seed(0)
    first = Chance(secure=secure).normal(torch.zeros(8))
    torch.manual_seed(0)
    assert not torch.equal(first, Chance(secure=secure).normal(torch.zeros(8)))


def test_no_seed_is_short_enough_to_be_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """PyTorch's CPU generator keeps 32 bits of its seed: noise must not come from it."""
    for source in ("randn", "rand", "normal"):
        monkeypatch.delattr(torch, source)
    chance = Chance(secure=False)
    assert chance.chosen(3, 1.0).tolist() == [0, 1, 2]
    assert chance.normal(torch.zeros(8)).unique().numel() == 8
    assert chance._generator.bit_generator.seed_seq.entropy > 2**64  # type: ignore[attr-defined]  # as NumPy's are


def test_odd_sizes_and_larger_ones_than_a_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fedcmr.privacy.noise.AT_ONCE", 7)
    drawn = Chance(secure=True).normal(torch.zeros(23, dtype=torch.float64))
    assert drawn.shape == (23,)
    assert len(drawn.unique()) == 23
