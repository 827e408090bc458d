"""The questions that every task answers; training, scoring and prediction ask no others."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from torch import Tensor

from fedcmr.data.record import StudyRecord
from fedcmr.types import StoredCine


@dataclass(frozen=True)
class MapTask:
    """What the coarse-mask branch of a network learns beside the task."""

    targets: Callable[[Tensor, int], Tensor]
    """Masks (B, n, n) and a grid m to the shares (B, m, m) that the branch predicts."""
    loss: Callable[..., Tensor]
    """As `fedcmr.tasks.mvo.map_loss`: logits, predicted shares, targets, true shares, `weight`."""


@dataclass(frozen=True)
class Task:
    """One clinical question as a few functions."""

    name: str
    labels: Callable[[StudyRecord], tuple[int | None, ...]]
    """The target of each sample of a study, one or one a slice; None leaves the sample out."""
    input: Callable[[StoredCine | Tensor], Tensor]
    """Stored (..., Z, T, Y, X) uint16 to what the network sees, float32 of the same shape."""
    loss: Callable[[Tensor, Tensor], Tensor]
    """Logits (B,) and targets (B,) to a loss per sample (B,)."""
    score: Callable[[Tensor], Tensor]
    """Logits (B,) to probabilities (B,)."""
    classes: tuple[str, str]
    """What the labels 0 and 1 stand for."""
    map: MapTask | None = None
    """Of a task with masks."""

    def samples(self, records: Iterable[StudyRecord]) -> int:
        """Return the number of labelled samples."""
        return sum(value is not None for record in records for value in self.labels(record))

    def labelled(self, records: Iterable[StudyRecord]) -> tuple[StudyRecord, ...]:
        """Return the studies with a labelled sample, in their order."""
        return tuple(record for record in records if self.samples([record]))
