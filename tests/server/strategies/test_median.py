from pathlib import Path

import numpy as np
import pytest
from fedcmr_server.strategies.median import Median
from flwr.serverapp.strategy import FedMedian
from reference.merging import slow_median
from update_files import drift, flower_merge, write_updates


@pytest.mark.parametrize("sites", [1, 2, 5, 6])
def test_it_is_the_middle_value_of_every_weight(
    tmp_path: Path, rng: np.random.Generator, weights: np.ndarray, sites: int
) -> None:
    rows = drift(rng, weights, sites)
    merged = Median().merge(weights, write_updates(tmp_path, rows)).weights
    assert np.allclose(merged, slow_median(rows.tolist()), rtol=1e-6, atol=1e-7)
    assert np.array_equal(merged, flower_merge(FedMedian(), weights, rows, round=1))


def test_a_minority_cannot_move_it_out_of_the_honest_values(
    tmp_path: Path, rng: np.random.Generator, weights: np.ndarray
) -> None:
    rows = drift(rng, weights, 5)
    rows[3:] *= 1e6
    merged = Median().merge(weights, write_updates(tmp_path, rows)).weights
    assert (merged >= rows[:3].min(axis=0)).all()
    assert (merged <= rows[:3].max(axis=0)).all()
