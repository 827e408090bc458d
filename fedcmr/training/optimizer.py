"""Optimisers and learning rates of the papers and of their released code."""

from collections.abc import Iterable

import torch
from torch import nn

from fedcmr.config import TrainingSettings

WARMUP_FROM = 1e-6
"""Learning rate that a linear warm-up begins with."""


def make_optimizer(
    parameters: Iterable[nn.Parameter], settings: TrainingSettings
) -> torch.optim.Optimizer:
    """Return Adam, AdamW (Loshchilov and Hutter, ICLR 2019), or SGD without momentum.

    Only AdamW has weight decay: the "weight decay 0.0001" of the scar paper is Keras' `decay`, a
    decay of the learning rate: `lr_decay`.
    """
    if settings.optimizer == "adam":
        return torch.optim.Adam(parameters, lr=settings.learning_rate, fused=True)
    if settings.optimizer == "adamw":
        decay = settings.weight_decay
        return torch.optim.AdamW(
            parameters, lr=settings.learning_rate, weight_decay=decay, fused=True
        )
    return torch.optim.SGD(parameters, lr=settings.learning_rate, fused=True)


def learning_rate(settings: TrainingSettings, step: int) -> float:
    """Return the rate of the global step `step`, counted from 0 over all rounds.

    Inverse time: lr / (1 + lr_decay * step). Polynomial: lr * (1 - step / total_steps), of power 1
    and 0 from `total_steps` on; before `warmup_steps` it is approached on a line from WARMUP_FROM.
    """
    if settings.total_steps is None:
        return settings.learning_rate / (1 + settings.lr_decay * step)
    rate = settings.learning_rate * max(0.0, 1 - step / settings.total_steps)
    if step < settings.warmup_steps:
        return WARMUP_FROM + (rate - WARMUP_FROM) * step / settings.warmup_steps
    return rate
