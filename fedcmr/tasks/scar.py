"""Is there scar? Amyar et al., MICCAI 2023: binary, from the cine alone."""

import torch
import torch.nn.functional as F
from torch import Tensor

from fedcmr.data.record import StudyRecord
from fedcmr.tasks.task import Task
from fedcmr.types import STORED_MAX, StoredCine


def scar_label(record: StudyRecord) -> tuple[int | None]:
    """Return 1 with scar, 0 without, None when nobody looked."""
    return (record.scar,)


def intensity(stored: StoredCine | Tensor) -> Tensor:
    """Return intensities 0..1, float32, of stored (..., Z, T, Y, X) uint16."""
    integers = stored if isinstance(stored, Tensor) else torch.tensor(stored)
    return integers.to(torch.float32) / STORED_MAX


def binary_cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the cross entropy of each sample, (B,), in nats."""
    return F.binary_cross_entropy_with_logits(logits, targets, reduction="none")


SCAR = Task(
    name="scar",
    labels=scar_label,
    input=intensity,
    loss=binary_cross_entropy,
    score=torch.sigmoid,
    classes=("patient without scar", "patient with scar"),
)
