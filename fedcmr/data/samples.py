"""Labelled samples of one split, where the network is: studies, or slices of them."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from fedcmr.data.record import StudyRecord
from fedcmr.data.store import Dataset
from fedcmr.data.transforms import centre
from fedcmr.types import Split

SHARE_OF_FREE_MEMORY = 0.5
"""How much of a GPU's free memory the samples may fill; the rest is for activations."""


class Samples:
    """Arrays and targets of what has a label.

    Arrays stay in the 16-bit integers of the data set and become floats a micro-batch at a time. A
    GPU keeps all of them when they fit; otherwise they are mapped from disk, and the page cache of
    the system holds them as long as memory lasts.
    """

    def __init__(
        self,
        dataset: Dataset,
        split: Split,
        labels: Callable[[StudyRecord], tuple[int | None, ...]],
        device: torch.device,
    ) -> None:
        labelled = [
            (record, place, value)
            for record in dataset.subset(split)
            for place, value in enumerate(labels(record))
            if value is not None
        ]
        self.records = tuple(record for record, _, _ in labelled)
        """Of each sample, so that a study is there as often as it has labelled slices."""
        self._places = tuple(place for _, place, _ in labelled)
        self.targets = torch.tensor([value for _, _, value in labelled], dtype=torch.float32).to(
            device
        )
        self._dataset = dataset
        self._settings = dataset.manifest.preprocessing
        self._device = device
        self._resident = [self._load(i) for i in range(len(self))] if self._fits() else None

    def __len__(self) -> int:
        return len(self.records)

    def cines(self, indices: Tensor, *, whole: bool = False) -> Tensor:
        """Return the samples at `indices` (B,): (B, Z, T, Y, X) uint16 on the device.

        Args:
            indices: (B,).
            whole: with the margin that is stored for random crops.

        Raises:
            DataError: an array file is missing or damaged.
        """
        chosen = indices.tolist()
        cines = [self._resident[i] if self._resident else self._load(i) for i in chosen]
        return self._cropped(torch.stack(cines), whole)

    def masks(self, indices: Tensor, *, whole: bool = False) -> Tensor:
        """Return the masks of slices: (B, Y, X) uint8 on the device.

        Raises:
            DataError: a mask is missing or damaged.
        """
        masks = [
            torch.tensor(self._dataset.load_mask(self.records[i])[self._places[i]])
            for i in indices.tolist()
        ]
        return self._cropped(torch.stack(masks).to(self._device), whole)

    def _cropped(self, images: Tensor, whole: bool) -> Tensor:
        return images if whole else centre(images, self._settings.size)

    def _load(self, index: int) -> Tensor:
        cine = self._dataset.load(self.records[index])
        if self._settings.per_slice:
            place = self._places[index]
            cine = cine[place : place + 1]
        return torch.tensor(cine).to(self._device)

    def _fits(self) -> bool:
        if self._device.type != "cuda":
            return False
        side = self._settings.stored_side
        sample = 2 * math.prod((self._settings.slices, self._settings.phases, side, side))
        free, _ = torch.cuda.mem_get_info(self._device)
        return sample * len(self) <= SHARE_OF_FREE_MEMORY * free
