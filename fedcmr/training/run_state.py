"""What a run without federation keeps from epoch to epoch."""

import csv
import io
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from torch import Tensor

from fedcmr.errors import ConfigurationError
from fedcmr.training.checkpoint import load_checkpoint, save_checkpoint
from fedcmr.training.trainer import Trainer, group
from fedcmr.training.world import World


@dataclass(frozen=True)
class Epoch:
    """A line of history.csv; losses are means in nats."""

    epoch: int
    steps: int
    """Optimiser steps so far."""
    train_loss: float
    validation_loss: float
    seconds: float


class RunState:
    """History, best weights, and through the trainer everything that the next epoch needs."""

    def __init__(self, trainer: Trainer, fingerprint: str, world: World) -> None:
        self.best: dict[str, Tensor] = {}
        self.epochs: list[Epoch] = []
        self._trainer = trainer
        self._fingerprint = fingerprint
        self._world = world

    @property
    def best_epoch(self) -> int:
        """The first epoch with the lowest validation loss; 0 before any."""
        best = min(self.epochs, key=lambda row: row.validation_loss, default=None)
        return 0 if best is None else best.epoch

    @property
    def seconds(self) -> float:
        """Spent on all epochs, those of before an interruption included."""
        return sum(row.seconds for row in self.epochs)

    def stopped(self, limit: int, patience: int) -> bool:
        """Whether `limit` epochs are done, or `patience` without a better validation loss."""
        done = len(self.epochs)
        return done >= limit or done - self.best_epoch >= patience

    def add(self, train_loss: float, validation_loss: float, seconds: float) -> None:
        """Note a finished epoch; its weights are kept when it is the best so far."""
        number = len(self.epochs) + 1
        row = Epoch(number, self._trainer.step, train_loss, validation_loss, seconds)
        self.epochs.append(row)
        if self.best_epoch == number:
            state = self._trainer.model.state_dict()
            self.best = {name: value.clone() for name, value in state.items()}

    def table(self) -> str:
        """Return history.csv."""
        text = io.StringIO()
        columns = [field.name for field in fields(Epoch)]
        writer = csv.DictWriter(text, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(row) for row in self.epochs)
        return text.getvalue()

    def save(self, path: Path) -> None:
        """Write the checkpoint; every process must call it, the first one writes."""
        tensors, state = self._trainer.state()
        if self._world.first:
            best = {f"best/{name}": value for name, value in self.best.items()}
            epochs = [asdict(row) for row in self.epochs]
            more = {"fingerprint": self._fingerprint, "epochs": epochs}
            save_checkpoint(path, tensors | best, state | more)

    def load(self, path: Path) -> None:
        """Go on from a checkpoint.

        Raises:
            DataError: it cannot be read.
            ConfigurationError: it belongs to another run.
        """
        tensors, state = load_checkpoint(path)
        if state["fingerprint"] != self._fingerprint:
            raise ConfigurationError(
                "the checkpoint is of another experiment or data set",
                where=str(path),
                fix="choose another folder for the results",
            )

        self._trainer.restore(tensors, state)
        self.best = group("best", tensors)
        self.epochs = [Epoch(**row) for row in state["epochs"]]
