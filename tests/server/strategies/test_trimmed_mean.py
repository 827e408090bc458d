from pathlib import Path

import numpy as np
import pytest
from fedcmr_server.strategies.trimmed_mean import TrimmedMean
from flwr.serverapp.strategy import FedTrimmedAvg
from reference.merging import slow_trimmed_mean
from update_files import drift, flower_merge, write_updates

from fedcmr.errors import PartialRun


@pytest.mark.parametrize(("sites", "f"), [(3, 1), (5, 1), (5, 2), (7, 2)])
def test_it_is_the_mean_without_the_extremes(
    tmp_path: Path, rng: np.random.Generator, weights: np.ndarray, sites: int, f: int
) -> None:
    rows = drift(rng, weights, sites)
    merged = TrimmedMean(f).merge(weights, write_updates(tmp_path, rows)).weights
    assert np.allclose(merged, slow_trimmed_mean(rows.tolist(), f), rtol=1e-6, atol=1e-7)
    flower = FedTrimmedAvg(beta=(f + 0.01) / sites)
    by_flower = flower_merge(flower, weights, rows, round=1)
    assert np.allclose(merged, by_flower, rtol=1e-6, atol=1e-7)


def test_too_few_updates_are_refused_in_one_line(
    tmp_path: Path, rng: np.random.Generator, weights: np.ndarray
) -> None:
    updates = write_updates(tmp_path, drift(rng, weights, 4))
    with pytest.raises(PartialRun, match="byzantine 2 needs 5 updates, 4 came; start"):
        TrimmedMean(2).merge(weights, updates)


def test_who_was_set_aside_before_needs_no_withstanding(
    tmp_path: Path, rng: np.random.Generator, weights: np.ndarray
) -> None:
    rows = drift(rng, weights, 4)
    merged = TrimmedMean(2).merge(weights, write_updates(tmp_path, rows), set_aside=1).weights
    assert np.allclose(merged, slow_trimmed_mean(rows.tolist(), 1), rtol=1e-6, atol=1e-7)
