"""A local round that can go on after its process was killed: one file, replaced now and then."""

import hashlib
import json
import logging
import time
from pathlib import Path
from typing import Any

import torch
from torch import nn

from fedcmr.errors import DataError
from fedcmr.training.checkpoint import load_checkpoint, save_checkpoint
from fedcmr.training.trainer import Trainer
from fedcmr.training.world import World

log = logging.getLogger("fedcmr")

SHARE = 0.02
"""Of the time of training that writing may take."""
LEAST_PAUSE_S = 1.0
"""Less than this is not worth a file."""


def fingerprint(model: nn.Module, **settings: Any) -> str:
    """Return a sha256 of the start weights and of the JSON values that decide a round."""
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    for name, tensor in model.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


class RoundState:
    """Writes what a trainer has reached, as often as its share of the time allows."""

    def __init__(self, path: Path, trainer: Trainer, fingerprint: str, world: World) -> None:
        self._path = path
        self._trainer = trainer
        self._fingerprint = fingerprint
        self._world = world
        self._pause_s = LEAST_PAUSE_S
        self._written = time.monotonic()
        self._refused = False

    def load(self) -> None:
        """Go on from the file, where there is one and it is of this round.

        Raises:
            DataError: it is damaged.
        """
        if not self._path.exists():
            return
        tensors, values = load_checkpoint(self._path)
        if values.get("fingerprint") == self._fingerprint:
            self._trainer.restore(tensors, values)
            log.info("this round goes on after step %d", self._trainer.step)

    def after_step(self) -> None:
        """Write the file when it is due; a disk that is full costs a warning, not the round."""
        due = time.monotonic() - self._written >= self._pause_s and not self._refused
        if not self._world.from_first(due):
            return
        start = time.monotonic()
        tensors, values = self._trainer.state()
        if self._world.first:
            try:
                save_checkpoint(self._path, tensors, values | {"fingerprint": self._fingerprint})
            except DataError as error:
                self._refused = True
                log.warning("this round goes on, but could not be resumed: %s", error)
        self._written = time.monotonic()
        self._pause_s = max(LEAST_PAUSE_S, (self._written - start) / SHARE)
