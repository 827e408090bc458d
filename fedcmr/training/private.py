"""The training loop under DP-SGD: Poisson draws of patients instead of epochs over studies."""

import hashlib
from collections.abc import Callable

import torch
from torch import nn

from fedcmr.config import TrainingSettings
from fedcmr.data.samples import Samples
from fedcmr.errors import ConfigurationError
from fedcmr.privacy.dp_sgd import DpSgd, PrivateGradient, patient_groups, refuse_mixing
from fedcmr.privacy.noise import Chance
from fedcmr.tasks.task import Task
from fedcmr.training.device import choose_precision
from fedcmr.training.trainer import Trainer
from fedcmr.training.world import World


class PrivateTrainer(Trainer):
    """A network whose steps are private; its one epoch has all steps of `privacy.spending`.

    The first process draws patients and noise for all. A round that goes on after a kill draws
    anew for the steps that are left: what was drawn before is in the weights, or never left.

    Raises:
        ConfigurationError: a layer mixes patients, or the precision is fp16.
    """

    def __init__(
        self,
        model: nn.Module,
        task: Task,
        settings: TrainingSettings,
        world: World,
        privacy: DpSgd,
        *,
        step: int = 0,
        proximal_mu: float = 0.0,
    ) -> None:
        if choose_precision(settings.precision, world.device).scaled:
            raise ConfigurationError(
                "fp16 needs a loss scale that follows single patients", fix="use fp32 under dp_sgd"
            )
        refuse_mixing(model)
        super().__init__(model, task, settings, world, step=step, proximal_mu=proximal_mu)
        self._privacy = privacy
        self._chance = Chance(secure=privacy.secure_random)
        self._gradient = PrivateGradient(model.parameters(), privacy.max_grad_norm)

    def epoch(self, samples: Samples, after_step: Callable[[], None] = lambda: None) -> float:
        """Take the steps; return 0: the loss is the patients' and no noise protects it.

        Raises:
            DataError: an array cannot be read.
        """
        self.model.train()
        patients = patient_groups(record.patient for record in samples.records)
        spending = self._privacy.spending
        for _ in range(self._batches, spending.steps):
            self._add_gradients(samples, [patients[i] for i in self._draw(len(patients))])
            noise = (self._chance, spending.noise_multiplier) if self._world.first else None
            self._gradient.release(spending.sample_rate * len(patients), noise)
            self._update()
            self._batches += 1
            after_step()
        self._batches = 0
        self.epochs += 1
        return 0.0

    def _draw(self, count: int) -> list[int]:
        drawn = torch.zeros(count, device=self._world.device)
        if self._world.first:
            drawn[self._chance.chosen(count, self._privacy.spending.sample_rate)] = 1
        self._world.add_up([drawn])
        return self._world.share(drawn.nonzero().flatten()).tolist()

    def _add_gradients(self, samples: Samples, patients: list[torch.Tensor]) -> None:
        for mine in patients:
            # Draws and dropout hang on nothing but the patient and the step: otherwise one patient
            # more would give all others new ones, and move the sum by more than one clip.
            patient = samples.records[int(mine[0])].patient
            torch.manual_seed(_own_seed(patient, self._settings.seed, self.step))
            draws = self._draws(len(mine), torch.default_generator)
            for places in torch.arange(len(mine)).split(self._settings.micro_batch):
                losses = self._losses(
                    samples, mine[places], None if draws is None else draws[places]
                )
                (losses.sum() / len(mine)).backward()
            self._gradient.take()


def _own_seed(patient: str, seed: int, step: int) -> int:
    digest = hashlib.sha256(f"{patient} {seed} {step}".encode()).digest()
    return int.from_bytes(digest[:7])
