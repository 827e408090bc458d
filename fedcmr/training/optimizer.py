"""Optimisers of the paper and of its released code."""

from collections.abc import Iterable

import torch
from torch import nn

from fedcmr.config import TrainingSettings


def make_optimizer(
    parameters: Iterable[nn.Parameter], settings: TrainingSettings
) -> torch.optim.Optimizer:
    """Return Adam, or SGD without momentum; neither has weight decay.

    The paper's "weight decay 0.0001" is Keras' `decay`, a decay of the learning rate: `lr_decay`.
    """
    if settings.optimizer == "adam":
        return torch.optim.Adam(parameters, lr=settings.learning_rate, fused=True)
    return torch.optim.SGD(parameters, lr=settings.learning_rate, fused=True)


def learning_rate(settings: TrainingSettings, step: int) -> float:
    """Return the rate of the global step `step`, counted from 0 (inverse-time decay)."""
    return settings.learning_rate / (1 + settings.lr_decay * step)
