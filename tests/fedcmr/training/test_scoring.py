from typing import Any

import numpy as np
import torch

from fedcmr.tasks.scar import SCAR
from fedcmr.training.scoring import score


def test_scores_keep_the_order_and_skip_the_unlabelled(make_dataset: Any, make_model: Any) -> None:
    rows = [(i, (1, 0, None)[i % 3], "test") for i in range(9)] + [(9, 1, "train")]
    dataset, model = make_dataset("site", rows), make_model()
    scores = score(model, SCAR, dataset, "test", device=torch.device("cpu"))
    expected = [record for record in dataset.subset("test") if record.scar is not None]
    assert scores.records == tuple(expected)
    assert scores.labels.tolist() == [record.scar for record in expected]
    for index, record in enumerate(expected):
        logit = model(SCAR.input(dataset.load(record))[None]).double().item()
        probability = 1 / (1 + np.exp(-logit))
        assert abs(scores.scores[index] - probability) < 1e-6
        loss = -np.log(probability if record.scar else 1 - probability)
        assert abs(scores.losses[index] - loss) < 1e-5


def test_nothing_to_score_gives_empty_arrays(make_dataset: Any, make_model: Any) -> None:
    dataset = make_dataset("site", [(0, None, "test"), (1, 1, "train")])
    scores = score(make_model(), SCAR, dataset, "test")
    assert (scores.records, len(scores.labels), len(scores.scores)) == ((), 0, 0)
    assert scores.scores.dtype == scores.losses.dtype == np.float64


def test_the_model_comes_back_as_it_was(make_dataset: Any, make_model: Any) -> None:
    model = make_model(norm="batch")
    before = {name: value.clone() for name, value in model.state_dict().items()}
    score(model, SCAR, make_dataset("site", [(0, 1, "test"), (1, 0, "test")]), "test")
    torch.testing.assert_close(model.state_dict(), before, rtol=0, atol=0)
