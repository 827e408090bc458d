"""The questions that every task answers; training, scoring and prediction ask no others."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from fedcmr.data.record import StudyRecord
from fedcmr.types import StoredCine


@dataclass(frozen=True)
class Task:
    """One clinical question as four functions."""

    name: str
    label: Callable[[StudyRecord], int | None]
    """The target of a study; None leaves the study out."""
    input: Callable[[StoredCine | Tensor], Tensor]
    """Stored (..., Z, T, Y, X) uint16 to what the network sees, float32 of the same shape."""
    loss: Callable[[Tensor, Tensor], Tensor]
    """Logits (B,) and targets (B,) to a loss per study (B,)."""
    score: Callable[[Tensor], Tensor]
    """Logits (B,) to probabilities (B,)."""
