"""Labelled studies of one split, where the network is."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from fedcmr.data.record import StudyRecord
from fedcmr.data.store import Dataset
from fedcmr.types import Split

SHARE_OF_FREE_MEMORY = 0.5
"""How much of a GPU's free memory the studies may fill; the rest is for activations."""


class Samples:
    """Arrays and targets of the studies that have a label.

    Arrays stay in the 16-bit integers of the data set and become floats a micro-batch at a time. A
    GPU keeps all of them when they fit; otherwise they are mapped from disk, and the page cache of
    the system holds them as long as memory lasts.
    """

    def __init__(
        self,
        dataset: Dataset,
        split: Split,
        label: Callable[[StudyRecord], int | None],
        device: torch.device,
    ) -> None:
        labelled = [
            (record, value)
            for record in dataset.subset(split)
            if (value := label(record)) is not None
        ]
        self.records = tuple(record for record, _ in labelled)
        self.targets = torch.tensor([value for _, value in labelled], dtype=torch.float32).to(
            device
        )
        self._dataset = dataset
        self._device = device
        self._resident = [self._load(i) for i in range(len(self))] if self._fits() else None

    def __len__(self) -> int:
        return len(self.records)

    def cines(self, indices: Tensor) -> Tensor:
        """Return the studies at `indices` (B,): (B, Z, T, Y, X) uint16 on the device.

        Raises:
            DataError: an array file is missing or damaged.
        """
        chosen = indices.tolist()
        if self._resident is not None:
            return torch.stack([self._resident[index] for index in chosen])
        return torch.stack([self._load(index) for index in chosen])

    def _load(self, index: int) -> Tensor:
        return torch.tensor(self._dataset.load(self.records[index])).to(self._device)

    def _fits(self) -> bool:
        if self._device.type != "cuda":
            return False
        settings = self._dataset.manifest.preprocessing
        study = 2 * math.prod((settings.slices, settings.phases, settings.size, settings.size))
        free, _ = torch.cuda.mem_get_info(self._device)
        return study * len(self) <= SHARE_OF_FREE_MEMORY * free
