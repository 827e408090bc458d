"""The one training loop: epochs of logical batches, each the exact mean over its studies."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor, nn

from fedcmr.config import TrainingSettings
from fedcmr.data.samples import Samples
from fedcmr.models.registry import TRAINING_ONLY
from fedcmr.tasks.augmentation import AUGMENTATIONS
from fedcmr.tasks.task import Task
from fedcmr.training.checkpoint import optimizer_tensors, restore_optimizer
from fedcmr.training.device import choose_precision
from fedcmr.training.optimizer import learning_rate, make_optimizer
from fedcmr.training.world import World

FIRST_LOSS_SCALE = 1024.0
"""For fp16. PyTorch's 65536 would skip the first steps, which may be all that a round has."""


class Trainer:
    """A network with its optimiser and global step.

    Args:
        model: on `world.device`.
        task: input and loss.
        settings: optimiser, batch sizes, augmentation, precision, seed.
        world: this process among those that share a batch.
        step: global steps done before; decides the learning rate and the order of studies.
        proximal_mu: FedProx (Li et al., MLSys 2020): adds mu/2 ||w - w0||^2 to the loss, w0 being
            the weights at the start.
    """

    def __init__(
        self,
        model: nn.Module,
        task: Task,
        settings: TrainingSettings,
        world: World,
        *,
        step: int = 0,
        proximal_mu: float = 0.0,
    ) -> None:
        self.model = model
        self.step = step
        self.optimizer = make_optimizer(model.parameters(), settings)
        self._task = task
        self._map = task.map if getattr(model, TRAINING_ONLY, None) is not None else None
        self._augmentation = AUGMENTATIONS[settings.augment]
        self._settings = settings
        self._world = world
        self._precision = choose_precision(settings.precision, world.device)
        self.scaler = torch.amp.GradScaler(
            world.device.type, init_scale=FIRST_LOSS_SCALE, enabled=self._precision.scaled
        )
        self._proximal_mu = proximal_mu
        self._start = (
            [parameter.detach().clone() for parameter in model.parameters()] if proximal_mu else []
        )
        self.epochs = 0
        """Seen to their end."""
        self._batches = 0
        """Done in the epoch that has begun."""
        self._loss = self._nothing()
        """Sum over the samples that this process has seen in that epoch."""

    def epoch(self, samples: Samples, after_step: Callable[[], None] = lambda: None) -> float:
        """See every sample once; return the mean loss (without the proximal term).

        An epoch that was interrupted, and brought back by `restore`, is seen to its end.

        Args:
            samples: to train on.
            after_step: called after every optimiser step, when `state` may be read.

        Raises:
            DataError: an array cannot be read.
        """
        self.model.train()
        seed, first_step = self._settings.seed, self.step - self._batches
        order, generator = shuffled(len(samples), seed, first_step)
        draws = self._draws(len(samples), generator)
        for batch in order.split(self._settings.batch_size)[self._batches :]:
            # Dropout hangs on the step, not on what was drawn before an interruption.
            torch.manual_seed(_mixed(seed, self.step, 1 + self._world.rank))
            self._loss += self._accumulate(samples, batch, draws)
            self._update()
            self._batches += 1
            after_step()
        return self.end_epoch(len(samples))

    def end_epoch(self, count: int) -> float:
        """End the epoch that has begun, of `count` samples; return the mean loss of those seen.

        For one that `after_step` broke off by raising; the next epoch draws a new order.
        """
        seen = min(count, self._batches * self._settings.batch_size)
        total, self._loss, self._batches = self._loss, self._nothing(), 0
        self.epochs += 1
        self._world.add_up([total])
        return float(total) / seen

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return all that the next step depends on, as tensors and as JSON values.

        Every process must call it: they add up what they have seen.
        """
        loss = self._loss.clone()
        self._world.add_up([loss])
        groups = {
            "model": self.model.state_dict(),
            "optimizer": optimizer_tensors(self.optimizer),
            "trainer": {"loss": loss},
        }
        values = {
            "step": self.step,
            "whole_epochs": self.epochs,
            "batches": self._batches,
            "scaler": self.scaler.state_dict(),
        }
        return {
            f"{g}/{name}": t for g, group in groups.items() for name, t in group.items()
        }, values

    def restore(self, tensors: Mapping[str, Tensor], values: Mapping[str, Any]) -> None:
        """Put back what `state` returned; other tensors and values are left alone."""
        self.model.load_state_dict(group("model", tensors))
        restore_optimizer(self.optimizer, group("optimizer", tensors))
        self.scaler.load_state_dict(values["scaler"])
        self.step, self.epochs = values["step"], values["whole_epochs"]
        self._batches = values["batches"]
        if self._world.first:
            self._loss = tensors["trainer/loss"].to(self._world.device)

    def _nothing(self) -> Tensor:
        return torch.zeros((), dtype=torch.float64, device=self._world.device)

    def _draws(self, count: int, generator: Generator) -> Any:
        """Return draws for the augmentation of so many samples; None without."""
        return self._augmentation.draw(count, generator) if self._augmentation else None

    def _accumulate(self, samples: Samples, batch: Tensor, draws: Any) -> Tensor:
        """Add the gradient of the mean loss of `batch` and return this process' sum of losses."""
        total = self._nothing()
        for indices in self._world.share(batch).split(self._settings.micro_batch):
            if len(indices) == 0:  # fewer samples in the batch than processes
                continue
            of_these = None if draws is None else draws[indices]
            losses = self._losses(samples, indices, of_these)
            self.scaler.scale(losses.sum() / len(batch)).backward()
            total += losses.detach().sum()
        return total

    def _losses(self, samples: Samples, indices: Tensor, draws: Any) -> Tensor:
        """Return the loss of each sample at `indices` (B,), given their draws: (B,) float32."""
        x, masks = self._inputs(samples, indices, draws)
        targets = samples.targets[indices.to(x.device)]
        with torch.autocast(
            x.device.type,
            self._precision.autocast,
            enabled=self._precision.autocast is not None,
        ):
            if self._map is None:
                return self._task.loss(self.model(x).float(), targets)
            with_branch: Any = self.model
            logits, maps = with_branch.forward_with_map(x)
        shares = self._map.targets(masks, maps.shape[-1])
        weight = self._settings.map_weight
        return self._map.loss(logits.float(), maps.float(), targets, shares, weight=weight)

    def _inputs(self, samples: Samples, indices: Tensor, draws: Any) -> tuple[Tensor, Tensor]:
        """Return cines (B, Z, T, Y, X) of 0..1, and masks (B, Y, X) where a map is learnt."""
        whole = self._augmentation is not None
        x = self._task.input(samples.cines(indices, whole=whole))
        # without a map nobody reads the masks
        masks = x[:, 0, 0] if self._map is None else samples.masks(indices, whole=whole)
        if self._augmentation is None:
            return x, masks
        return self._augmentation.apply(x, masks, draws)

    def _update(self) -> None:
        if self._world.size > 1:
            for parameter in self.model.parameters():
                if parameter.grad is None:
                    parameter.grad = torch.zeros_like(parameter)
            self._world.add_up([p.grad for p in self.model.parameters() if p.grad is not None])
        self.scaler.unscale_(self.optimizer)
        for parameter, start in zip(self.model.parameters(), self._start, strict=False):
            if parameter.grad is not None:
                parameter.grad.add_(parameter.detach() - start, alpha=self._proximal_mu)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self._settings, self.step)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad()
        self.step += 1


def shuffled(count: int, seed: int, step: int) -> tuple[Tensor, Generator]:
    """Return an order of samples (count,), and the generator for what else is drawn for them.

    Both depend on seed and step alone, so that a run can go on from any step.
    """
    generator = Generator().manual_seed(_mixed(seed, step))
    return torch.randperm(count, generator=generator), generator


def _mixed(*numbers: int) -> int:
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0])


def group(name: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors named `{name}/...`, without that prefix."""
    prefix = f"{name}/"
    return {k.removeprefix(prefix): t for k, t in tensors.items() if k.startswith(prefix)}
