"""One federated round at a site."""

import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import torch
from torch import nn

from fedcmr.config import TrainingSettings
from fedcmr.data.samples import Samples
from fedcmr.data.store import Dataset
from fedcmr.privacy.dp_sgd import DpSgd
from fedcmr.tasks.task import Task
from fedcmr.training.device import visible_devices
from fedcmr.training.private import PrivateTrainer
from fedcmr.training.round_state import RoundState, fingerprint
from fedcmr.training.trainer import Trainer
from fedcmr.training.world import World, on_devices


@dataclass(frozen=True)
class RoundResult:
    """What a round did besides changing the weights."""

    examples: int
    """The weight of this site in the average: labelled training samples, or, under differential
    privacy, patients with one."""
    steps: int
    """Optimiser steps."""
    loss: float
    """Mean training loss of the last epoch, nats; 0 without a study or under privacy."""
    seconds: float


def train_round(
    model: nn.Module,
    task: Task,
    dataset: Dataset,
    settings: TrainingSettings,
    *,
    start_step: int,
    epochs: int,
    proximal_mu: float = 0.0,
    device: torch.device | None = None,
    resume: Path | None = None,
    privacy: DpSgd | None = None,
) -> RoundResult:
    """Train `model` in place on the labelled studies of the training split.

    The optimiser starts afresh each round: sites keep no state between rounds, and moments gathered
    on a site's own weights do not belong to the averaged ones. The learning rate follows the
    global step, the order of studies `(seed, step)`; on a CPU the same call gives the same bits.
    A site without a labelled study returns the weights as they are, with `examples=0`.

    Args:
        model: in any device's memory; comes back to it.
        task: label, input and loss.
        dataset: of this site.
        settings: of the experiment.
        start_step: global steps before this round.
        epochs: passes over the studies; private steps are counted by `privacy` instead.
        proximal_mu: FedProx term towards the weights at the start of the round.
        device: one device instead of every visible GPU.
        resume: file for what the round has reached. After a kill the same call goes on from it and
            ends, on a CPU, with the same bits as one that was never interrupted. A file of another
            round is written over; the caller deletes it after the round.
        privacy: clip and noise, counted by the caller before. A private round never has the same
            bits twice; one that goes on takes the steps that are left, with new noise.

    Raises:
        DataError: an array cannot be read, or the file to resume from is damaged.
        ConfigurationError: the precision is not available on the device, or the network cannot be
            trained privately.
    """
    started = time.perf_counter()
    devices = visible_devices() if device is None else (device,)
    examples, steps, loss = on_devices(
        _round,
        devices,
        model,
        task,
        dataset,
        settings,
        start_step,
        epochs,
        proximal_mu,
        resume,
        privacy,
    )
    return RoundResult(examples, steps, loss, time.perf_counter() - started)


class _Options(TypedDict):
    step: int
    proximal_mu: float


def _round(
    world: World,
    model: nn.Module,
    task: Task,
    dataset: Dataset,
    settings: TrainingSettings,
    start_step: int,
    epochs: int,
    proximal_mu: float,
    resume: Path | None,
    privacy: DpSgd | None,
) -> tuple[int, int, float]:
    samples = Samples(dataset, "train", task.labels, world.device)
    if len(samples) == 0:
        return 0, 0, 0.0
    examples = len(samples)
    options: _Options = {"step": start_step, "proximal_mu": proximal_mu}
    if privacy is None:
        trainer = Trainer(model, task, settings, world, **options)
    else:
        trainer = PrivateTrainer(model, task, settings, world, privacy, **options)
        examples, epochs = len({record.patient for record in samples.records}), 1
    state = None
    if resume is not None:
        identity = fingerprint(
            model,
            task=task.name,
            settings=f"{settings.canonical_json()} {privacy}",
            dataset=dataset.digest(),
            numbers=[start_step, epochs, proximal_mu],
        )
        state = RoundState(resume, trainer, identity, world)
        state.load()
    loss = math.nan
    while trainer.epochs < epochs:
        loss = trainer.epoch(samples, state.after_step if state else lambda: None)
    return examples, trainer.step - start_step, loss
