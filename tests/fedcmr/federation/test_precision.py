import numpy as np
import pytest
from reference.precision import slow_round_trip

from fedcmr.config import Experiment, UpdatePrecision
from fedcmr.federation.precision import BLOCK, decode, encode, size_of

SHARE = {"fp16": 1 / 2048, "int8": 1 / 254}
BYTES = {"fp16": 2, "int8": 1}


def vectors(seed: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Start weights, and an update whose steps are of very different sizes from block to block."""
    generator = np.random.default_rng(seed)
    start = generator.standard_normal(size, dtype=np.float32)
    sizes = np.float32(10.0) ** generator.integers(-9, 3, size // BLOCK + 1)
    step = generator.standard_normal(size, dtype=np.float32) * np.repeat(sizes, BLOCK)[:size]
    step[generator.random(size) < 0.1] = 0
    return start, (start + step).astype(np.float32)


def arrived(update: np.ndarray, start: np.ndarray, precision: UpdatePrecision) -> np.ndarray:
    values, scales = encode(update, start, precision)
    parts = [values[at : at + 3 * BLOCK] for at in range(0, values.size, 3 * BLOCK)]
    return np.concatenate([*decode(parts, scales, start)])


@pytest.mark.parametrize("precision", ["fp16", "int8"])
@pytest.mark.parametrize("size", [1, BLOCK - 1, BLOCK, 10 * BLOCK + 7, 4096 * BLOCK + 300])
def test_no_value_is_off_by_more_than_its_share_of_the_blocks_largest(
    precision: UpdatePrecision, size: int
) -> None:
    for seed in range(5 if size < 5000 else 1):
        start, update = vectors(seed, size)
        got = arrived(update, start, precision)
        assert got.dtype == np.float32
        assert got.shape == update.shape
        step = np.abs(update.astype(np.float64) - start)
        padded = np.pad(step, (0, -size % BLOCK)).reshape(-1, BLOCK)
        largest = np.repeat(padded.max(1), BLOCK)[:size]
        rounding = 2.0**-22 * (np.abs(start) + np.abs(update))
        assert (np.abs(got - update) <= SHARE[precision] * largest + rounding).all()


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_what_arrives_is_what_the_slow_way_says(precision: UpdatePrecision) -> None:
    start, update = vectors(7, 3 * BLOCK + 11)
    slow = slow_round_trip(update, start, precision)
    # a value halfway between two levels may go either way: by one level at most, and rarely
    off = np.abs(arrived(update, start, precision) - slow) > 2e-6 * (np.abs(slow) + 1e-3)
    assert off.mean() < 0.01


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_an_update_without_a_step_arrives_exactly(precision: UpdatePrecision) -> None:
    start, _ = vectors(1, 700)
    assert np.array_equal(arrived(start.copy(), start, precision), start)


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_bytes_are_those_that_are_stated(precision: UpdatePrecision) -> None:
    start, update = vectors(2, 9 * BLOCK + 1)
    values, scales = encode(update, start, precision)
    assert values.nbytes + scales.nbytes == BYTES[precision] * update.size + 4 * 10
    assert size_of(update.size, precision) == values.nbytes + scales.nbytes
    assert size_of(update.size, "fp32") == update.nbytes


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_batch_variances_are_not_rounded(precision: str) -> None:
    settings = {
        "name": "test",
        "model": {"norm": "batch"},
        "federation": {"update_precision": precision},
    }
    with pytest.raises(ValueError, match=r"variance.*negative; set model.norm: group"):
        Experiment.model_validate(settings)
