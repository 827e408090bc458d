import math
from collections.abc import Callable

import pytest
import torch

from fedcmr.data.record import StudyRecord
from fedcmr.tasks.mvo import MVO_TASK, map_loss, map_targets
from fedcmr.tasks.scar import SCAR


def masks() -> torch.Tensor:
    """Infarct without and with one pixel of MVO, in the last cell of four."""
    two = torch.zeros(2, 8, 8, dtype=torch.uint8)
    two[:, 4:, 4:] = 1
    two[:, 0, 0] = 3
    two[1, 7, 7] = 2
    return two


def test_only_mvo_counts_in_the_coarse_mask() -> None:
    targets = map_targets(masks(), 4)
    assert not targets[0].any()
    assert targets[1, 3, 3] == 0.25
    assert targets[1].sum() == 0.25


@pytest.mark.parametrize(("weight", "bce_weight"), [(0.05, 1.0), (0.1, 0.5)])
def test_loss_is_cross_entropy_plus_weighted_squared_error(
    weight: float, bce_weight: float
) -> None:
    logits, labels = torch.tensor([0.0, 2.0]), torch.tensor([1.0, 0.0])
    maps = torch.tensor([[[0.5, 0.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, 0.0]]])
    targets = torch.tensor([[[0.0, 0.0], [0.0, 1.0]], [[0.0, 0.0], [0.0, 0.0]]])
    losses = map_loss(logits, maps, labels, targets, weight=weight, bce_weight=bce_weight)
    entropies = math.log(2), math.log1p(math.exp(2))
    errors = (0.25 + 1) / 4, 0.0
    assert losses.tolist() == pytest.approx(
        [bce_weight * h + weight * e for h, e in zip(entropies, errors, strict=True)]
    )


def test_the_paper_weighs_the_map_with_a_twentieth() -> None:
    zeros, ones = torch.zeros(1, 2, 2), torch.ones(1, 2, 2)
    label = torch.tensor([1.0])
    extra = map_loss(label, ones, label, zeros) - map_loss(label, zeros, label, zeros)
    assert float(extra) == pytest.approx(0.05)


def test_every_slice_has_a_label_of_its_own(make_record: Callable[..., StudyRecord]) -> None:
    record = make_record(mvo=1, mvo_slices=(0, None, 1, 1))
    assert MVO_TASK.labels(record) == (0, None, 1, 1)
    assert MVO_TASK.samples([record, make_record(mvo=1)]) == 3
    assert MVO_TASK.labelled([record, make_record(mvo=1)]) == (record,)
    assert SCAR.labels(record) == (0,)
