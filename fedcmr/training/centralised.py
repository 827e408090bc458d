"""A run on one data set without federation, early-stopped on the validation loss."""

import logging
import math
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from fedcmr.config import TrainingSettings
from fedcmr.data.samples import Samples
from fedcmr.data.store import Dataset
from fedcmr.durable import write_atomically
from fedcmr.errors import DataError
from fedcmr.tasks.task import Task
from fedcmr.training.device import visible_devices
from fedcmr.training.run_state import Epoch, RunState
from fedcmr.training.scoring import score
from fedcmr.training.trainer import Trainer
from fedcmr.training.world import World, on_devices

log = logging.getLogger("fedcmr")

CHECKPOINT = "checkpoint.safetensors"
HISTORY = "history.csv"


@dataclass(frozen=True)
class History:
    """A finished run; the weights of `best_epoch` are in the network."""

    best_epoch: int
    epochs: tuple[Epoch, ...]


def train_centralised(
    model: nn.Module,
    task: Task,
    dataset: Dataset,
    settings: TrainingSettings,
    out: Path,
    *,
    fingerprint: str,
    epochs: int | None = None,
    seconds: float | None = None,
    device: torch.device | None = None,
) -> History:
    """Train until the validation loss has not improved for `patience` epochs, or time is up.

    A polynomial rate ends it too, with the epoch that reaches `total_steps`.

    A checkpoint after every epoch: the same call goes on where it was interrupted and ends, on a
    CPU, with the same bits.

    Args:
        model: initial weights in, best weights out.
        task: label, input and loss.
        dataset: with labelled studies to train and to validate on.
        settings: of the experiment.
        out: folder for the checkpoint and history.csv.
        fingerprint: tells this run from others; a checkpoint with another one is refused.
        epochs: at most so many, instead of `settings.epochs`.
        seconds: of epochs and validations, those before an interruption included; an epoch is
            broken off after the step that reaches it, and validated. At least one step is made.
        device: one device instead of every visible GPU.

    Raises:
        DataError: a split has no labelled study, an array cannot be read, or training diverged.
        ConfigurationError: `out` holds another run.
    """
    devices = visible_devices() if device is None else (device,)
    limit = settings.epochs if epochs is None else epochs
    return on_devices(
        _run, devices, model, task, dataset, settings, out, fingerprint, limit, seconds
    )


class _TimeIsUp(Exception):
    """Breaks an epoch off."""


def _run(
    world: World,
    model: nn.Module,
    task: Task,
    dataset: Dataset,
    settings: TrainingSettings,
    out: Path,
    fingerprint: str,
    limit: int,
    seconds: float | None,
) -> History:
    samples = Samples(dataset, "train", task.labels, world.device)
    for split in ("train", "validation"):
        if not task.samples(dataset.subset(split)):
            raise DataError(f"no labelled study in the {split} split", fix="add labels and ingest")
    trainer = Trainer(model, task, settings, world)
    run = RunState(trainer, fingerprint, world)
    if (out / CHECKPOINT).exists():
        run.load(out / CHECKPOINT)
    started = 0.0

    def time_is_up(of_this_epoch: float) -> bool:
        if seconds is None:
            return False
        return world.from_first(run.seconds + of_this_epoch >= seconds)

    def watch() -> None:
        if time_is_up(time.perf_counter() - started):
            raise _TimeIsUp

    last = settings.total_steps or math.inf  # from there on the rate is 0
    while not world.from_first(run.stopped(limit, settings.patience) or trainer.step >= last):
        if run.epochs and time_is_up(0.0):
            break
        started = time.perf_counter()
        try:
            train_loss = trainer.epoch(samples, watch)
        except _TimeIsUp:
            train_loss = trainer.end_epoch(len(samples))
        losses = score(model, task, dataset, "validation", device=world.device).losses
        both = train_loss, float(losses.mean())
        if not all(math.isfinite(loss) for loss in both):
            raise DataError("training diverged", fix="lower training.learning_rate")
        run.add(*both, time.perf_counter() - started)
        run.save(out / CHECKPOINT)
        if world.first:
            write_atomically(out / HISTORY, run.table().encode())
            log.info("epoch %d: train %.4f, validation %.4f", len(run.epochs), *both)
    model.load_state_dict(run.best)
    return History(run.best_epoch, tuple(run.epochs))
