"""How the network of a row is trained: as published, or reduced for a small machine."""

import math
import re
from collections.abc import Sequence
from functools import cache
from typing import Any

import torch
from pydantic import Field

from fedcmr.config import Experiment, Preprocessing, TaskName
from fedcmr.errors import UsageError
from fedcmr.models.registry import PUBLISHED_INPUT, build
from fedcmr.network import ModelSettings
from fedcmr.reproduce.published import Ours
from fedcmr.settings import Settings

ITERATIONS, WARMUP = 8000, 1500
"""Of the MVO paper."""
MVO_BATCH = 16
TRAINING_SHARE = 0.75
"""Of a row's time; the rest is for scoring validation and test split at the end."""
WIDTHS: dict[TaskName, dict[str, float]] = {
    "scar": {"stcnn_3d": 0.5, "cnn_3d": 0.125, "cnn_lstm": 0.5},
    "mvo": dict.fromkeys(
        ("mvo_r2plus1d_bert", "c3d", "i3d", "slowfast", "p3d", "timesformer", "vivit"), 0.125
    ),
}
"""Under a budget, the share of the filters of networks that would take far longer than ST-RAN."""
_BUDGET = re.compile(r"(\d+(?:\.\d+)?)([smh])")
_SECONDS = {"s": 1, "m": 60, "h": 3600}


class Recipe(Settings):
    """Everything that a row's weights depend on, beside the data set."""

    experiment: Experiment
    seconds: float | None = Field(
        None, description="of training at most; None: as many as it takes"
    )


def parse_budget(text: str) -> float:
    """Return the seconds of "90s", "10m" or "1.5h".

    Raises:
        UsageError: anything else, or no time at all.
    """
    found = _BUDGET.fullmatch(text)
    seconds = float(found[1]) * _SECONDS[found[2]] if found else 0.0
    if seconds <= 0:
        raise UsageError(f"--budget {text} is no time", fix="give for example 90s, 10m or 2h")
    return seconds


@cache
def full_size(model: ModelSettings, task: TaskName) -> int:
    """Return the parameters in training of a network at the input of its publication.

    Raises:
        ConfigurationError: no such network.
    """
    with torch.device("meta"):
        network = build(model, PUBLISHED_INPUT[task])
    return sum(parameter.numel() for parameter in network.parameters())


def make_recipe(
    ours: Ours,
    task: TaskName,
    preprocessing: Preprocessing,
    samples: int,
    *,
    seconds: float | None = None,
    epochs: int | None = None,
) -> Recipe:
    """Return how to train the network of a row.

    Args:
        ours: network and lambda.
        task: of the table.
        preprocessing: of the data set, which decides what the network sees.
        samples: labelled samples to train on.
        seconds: what the row may take; narrows a large network, and trains faster.
        epochs: at most so many.
    """
    reduced = seconds is not None
    model = ours.model
    if reduced:
        model = model.model_copy(update={"width": WIDTHS[task].get(model.name, 1.0)})
    training = _scar(model, reduced=reduced) if task == "scar" else _mvo(model, samples, reduced)
    training["map_weight"] = ours.map_weight
    training["augment"] = "mvo" if preprocessing.margin else "none"
    if epochs is not None:
        training["epochs"] = min(epochs, training.get("epochs", epochs))
    experiment = Experiment.model_validate(
        {
            "name": f"{task}-{model.name.replace('_', '-')}",
            "task": task,
            "model": model.model_dump(),
            "preprocessing": preprocessing.model_dump(),
            "training": training,
        }
    )
    return Recipe(
        experiment=experiment, seconds=None if seconds is None else TRAINING_SHARE * seconds
    )


def _scar(model: ModelSettings, *, reduced: bool) -> dict[str, Any]:
    """Adam 1e-4 of the released ablations; batch 64, but 8 for the 3D-CNN."""
    if reduced:
        return {"learning_rate": 2e-4, "batch_size": 8, "micro_batch": 8}
    return {"learning_rate": 1e-4, "batch_size": 8 if model.name == "cnn_3d" else 64}


def _mvo(model: ModelSettings, samples: int, reduced: bool) -> dict[str, Any]:
    """AdamW 1e-4 with BERT, SGD 1e-2 without, 8000 steps of 16 without early stopping."""
    sizes = {"batch_size": MVO_BATCH, "micro_batch": MVO_BATCH}
    adamw = {"optimizer": "adamw", "weight_decay": 0.01}
    if reduced:
        return {**sizes, **adamw, "learning_rate": 1e-3}
    epochs = math.ceil(ITERATIONS / math.ceil(samples / MVO_BATCH)) if samples else 1
    schedule = {
        "schedule": "polynomial",
        "warmup_steps": WARMUP,
        "total_steps": ITERATIONS,
        "epochs": epochs,
        "patience": epochs,
    }
    if model.name == "mvo_r2plus1d_bert" and model.bert:
        return {**sizes, **schedule, **adamw, "learning_rate": 1e-4}
    return {**sizes, **schedule, "optimizer": "sgd", "learning_rate": 1e-2}


def reductions(recipes: Sequence[Recipe]) -> tuple[str, ...]:
    """Say in what the rows of one table are less than published; empty where in nothing."""
    first = recipes[0].experiment
    said = []
    seen, meant = first.preprocessing, PUBLISHED_INPUT[first.task]
    if _shape(seen) != _shape(meant):
        said.append(
            f"input {_shape(seen)} (slices, frames, pixels) of {seen.spacing_mm:g} mm, published "
            f"{_shape(meant)}"
        )
    narrow = [recipe for recipe in recipes if recipe.experiment.model.width < 1]
    if narrow:
        models = [recipe.experiment.model for recipe in narrow]
        shares = dict.fromkeys(f"{model.name} {model.width:g}" for model in models)
        said.append(f"share of the published filters: {', '.join(shares)}")
    if recipes[0].seconds is not None:
        training = first.training
        said.append(
            f"{training.optimizer} {training.learning_rate:g}, batch {training.batch_size}, at "
            f"most {recipes[0].seconds:.0f} s of training a row; published "
            + ("500 epochs of batch 64" if first.task == "scar" else f"{ITERATIONS} steps of 16")
        )
    return tuple(said)


def _shape(preprocessing: Preprocessing) -> str:
    return f"{preprocessing.slices} x {preprocessing.phases} x {preprocessing.size}^2"
