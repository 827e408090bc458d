"""Scores of a split: one forward pass over every labelled sample."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from fedcmr.data.record import StudyRecord
from fedcmr.data.samples import Samples
from fedcmr.data.store import Dataset
from fedcmr.tasks.task import Task
from fedcmr.training.device import visible_devices
from fedcmr.types import DoubleArray, Split

SAMPLES_AT_ONCE = 4


@dataclass(frozen=True)
class Scores:
    """Results of N samples in the order of the data set; every array is (N,)."""

    records: tuple[StudyRecord, ...]
    labels: NDArray[np.int64]
    scores: DoubleArray
    """Probabilities of class 1."""
    losses: DoubleArray
    """Nats."""


def score(
    model: nn.Module,
    task: Task,
    dataset: Dataset,
    split: Split,
    *,
    device: torch.device | None = None,
) -> Scores:
    """Score the labelled samples of a split, in fp32, on one device.

    Raises:
        DataError: an array cannot be read.
    """
    device = visible_devices()[0] if device is None else device
    home = next(model.parameters()).device
    samples = Samples(dataset, split, task.labels, device)
    scores: list[Any] = []
    losses: list[Any] = []
    model.to(device).eval()
    with torch.inference_mode():
        for indices in torch.arange(len(samples)).split(SAMPLES_AT_ONCE):
            if len(indices) == 0:  # an empty tensor splits into one empty part
                break
            logits = model(task.input(samples.cines(indices)))
            scores.append(task.score(logits.double()).cpu())
            losses.append(task.loss(logits, samples.targets[indices.to(device)]).double().cpu())
    model.to(home)
    return Scores(
        records=samples.records,
        labels=samples.targets.cpu().numpy().astype(np.int64),
        scores=torch.cat([torch.empty(0, dtype=torch.float64), *scores]).numpy(),
        losses=torch.cat([torch.empty(0, dtype=torch.float64), *losses]).numpy(),
    )
