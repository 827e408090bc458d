"""What a run has reached: in one file, replaced after every round."""

import json
import os
from pathlib import Path

import numpy as np
from pydantic import Field
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from fedcmr.config import Settings, parse_settings
from fedcmr.errors import DataError
from fedcmr.federation.cohort import Cohort
from fedcmr.types import FloatArray


class Contribution(Settings):
    """One site in one round."""

    examples: int = Field(ge=0)
    steps: int = Field(ge=0)
    loss: float = Field(ge=0, le=1e6)
    seconds: float = Field(ge=0, le=1e9)


class RoundRecord(Settings):
    """One finished round."""

    round: int
    seconds: float
    contributed: dict[str, Contribution]
    missed: dict[str, str]
    """Site to the reason."""
    validation_loss: float | None
    validation_auc: float | None
    comparable: bool
    """Every site of the run validated."""


class RunState(Settings):
    """Everything but the weights."""

    experiment_digest: str
    started: str
    cohorts: dict[str, Cohort] = Field(default_factory=dict)
    refused: dict[str, str] = Field(default_factory=dict)
    """Site to the reason why its handshake failed."""
    rounds: tuple[RoundRecord, ...] = ()
    best_round: int = 0

    @property
    def finished_rounds(self) -> int:
        """How many rounds count."""
        return len(self.rounds)


def save_state(path: Path, state: RunState, weights: FloatArray, best: FloatArray) -> None:
    """Replace the checkpoint; a crash leaves the old one or the new one.

    Args:
        path: checkpoint file.
        state: everything but the weights.
        weights: after the last round, (P,).
        best: of the round with the lowest validation loss, (P,).
    """
    temporary = path.with_suffix(".writing")
    save_file(
        {"weights": weights, "best": best}, temporary, metadata={"state": state.canonical_json()}
    )
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    temporary.replace(path)


def load_state(path: Path, experiment_digest: str) -> tuple[RunState, FloatArray, FloatArray]:
    """Read a checkpoint: state, weights (P,), best weights (P,).

    Raises:
        DataError: the file is damaged or belongs to another experiment.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            text = (file.metadata() or {})["state"]
            weights, best = file.get_tensor("weights"), file.get_tensor("best")
        state = parse_settings(json.loads(text), RunState, where=str(path))
    except (OSError, SafetensorError, KeyError, ValueError):
        raise DataError(
            "the checkpoint is damaged", where=str(path), fix="restore it or delete the run"
        ) from None
    if state.experiment_digest != experiment_digest:
        raise DataError("the checkpoint belongs to another experiment", where=str(path))
    return state, np.ascontiguousarray(weights), np.ascontiguousarray(best)
