"""A round killed at any moment and given again, against the round that nothing disturbed."""

import dataclasses
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from fedcmr.config import TrainingSettings
from fedcmr.data.store import Dataset
from fedcmr.errors import DataError
from fedcmr.tasks.scar import SCAR
from fedcmr.tasks.task import Task
from fedcmr.training import round_state
from fedcmr.training.local import RoundResult, train_round

STUDIES = [(i, i % 2, "train") for i in range(7)]
SETTINGS = TrainingSettings.model_validate(
    {"learning_rate": 1e-2, "lr_decay": 0.1, "batch_size": 3, "micro_batch": 2}
    | {"augment": "flip_rotate"}
)
EPOCHS = 2
MICRO_BATCHES = 5 * EPOCHS


class Killed(BaseException):
    """Nothing in the library catches it."""


def killer(after: int) -> Task:
    """The scar task; the process dies at the loss number `after`."""
    seen = 0

    def loss(logits: Tensor, targets: Tensor) -> Tensor:
        nonlocal seen
        seen += 1
        if seen > after:
            raise Killed
        return SCAR.loss(logits, targets)

    return dataclasses.replace(SCAR, loss=loss)


def train(
    model: nn.Module, dataset: Dataset, file: Path | None, task: Task = SCAR, **more: Any
) -> RoundResult:
    options = {"start_step": 4, "epochs": EPOCHS, "proximal_mu": 0.1} | more
    return train_round(
        model, task, dataset, SETTINGS, device=torch.device("cpu"), resume=file, **options
    )


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """The state is written after every step."""
    monkeypatch.setattr(round_state, "LEAST_PAUSE_S", 0.0)
    monkeypatch.setattr(round_state, "SHARE", float("inf"))


@pytest.fixture
def dataset(make_dataset: Any) -> Dataset:
    made: Dataset = make_dataset("site", STUDIES)
    return made


@pytest.mark.usefixtures("always")
def test_killed_at_any_moments_the_round_ends_with_the_same_bits(
    dataset: Dataset, make_model: Any, tmp_path: Path
) -> None:
    undisturbed = make_model("t_cnn")
    expected = train(undisturbed, dataset, None)

    @settings(
        max_examples=15,
        deadline=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(st.lists(st.integers(0, MICRO_BATCHES - 1), min_size=1, max_size=3))
    def killed_at(moments: list[int]) -> None:
        file = tmp_path / "round"
        file.unlink(missing_ok=True)
        for moment in moments:
            try:
                train(make_model("t_cnn"), dataset, file, killer(moment))
            except Killed:
                continue
        model = make_model("t_cnn")
        result = train(model, dataset, file)
        assert (result.steps, result.loss) == (expected.steps, expected.loss)
        torch.testing.assert_close(model.state_dict(), undisturbed.state_dict(), rtol=0, atol=0)

    killed_at()


@pytest.mark.usefixtures("always")
def test_what_was_trained_is_not_trained_again(
    dataset: Dataset, make_model: Any, tmp_path: Path
) -> None:
    with pytest.raises(Killed):
        train(make_model("t_cnn"), dataset, tmp_path / "round", killer(MICRO_BATCHES - 1))
    train(make_model("t_cnn"), dataset, tmp_path / "round", killer(1))  # one micro-batch is left


@pytest.mark.usefixtures("always")
@pytest.mark.parametrize("other", ["weights", "round", "data"])
def test_a_file_of_another_round_is_written_over(
    make_dataset: Any, make_model: Any, tmp_path: Path, other: str
) -> None:
    file, dataset = tmp_path / "round", make_dataset("site", STUDIES)
    with pytest.raises(Killed):
        train(make_model("t_cnn"), dataset, file, killer(8))

    def changed(file: Path | None) -> dict[str, Tensor]:
        model = make_model("t_cnn")
        if other == "weights":
            with torch.no_grad():
                model.head.bias.add_(1e-3)
        data = make_dataset("less", STUDIES[:5]) if other == "data" else dataset
        train(model, data, file, start_step=10 if other == "round" else 4)
        state: dict[str, Tensor] = model.state_dict()
        return state

    torch.testing.assert_close(changed(file), changed(None), rtol=0, atol=0)


@pytest.mark.usefixtures("always")
def test_a_damaged_file_is_refused(dataset: Dataset, make_model: Any, tmp_path: Path) -> None:
    file = tmp_path / "round"
    with pytest.raises(Killed):
        train(make_model("t_cnn"), dataset, file, killer(8))
    whole = file.read_bytes()
    for damaged in (whole[:-1], whole[:-1] + bytes([whole[-1] ^ 1]), b""):
        file.write_bytes(damaged)
        with pytest.raises(DataError, match=r"cannot be read .*round.*; delete it to start again"):
            train(make_model("t_cnn"), dataset, file)


@pytest.mark.usefixtures("always")
def test_a_disk_that_is_full_costs_a_warning_and_not_the_round(
    dataset: Dataset, make_model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise DataError("cannot write: No space left on device")

    warnings: list[str] = []
    monkeypatch.setattr(round_state, "save_checkpoint", full)
    monkeypatch.setattr(round_state.log, "warning", lambda text, *values: warnings.append(text))
    model, undisturbed = make_model("t_cnn"), make_model("t_cnn")
    train(model, dataset, tmp_path / "round")
    train(undisturbed, dataset, None)
    torch.testing.assert_close(model.state_dict(), undisturbed.state_dict(), rtol=0, atol=0)
    assert len(warnings) == 1


def test_writing_takes_its_share_of_the_time_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clock that only the steps (10 ms) and the writing (300 ms) move."""
    clock, writing = 0.0, 0.0

    class Trainer:
        def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
            return {}, {}

    def save(*_: Any) -> None:
        nonlocal clock, writing
        clock, writing = clock + 0.3, writing + 0.3

    monkeypatch.setattr(time, "monotonic", lambda: clock)
    monkeypatch.setattr(round_state, "save_checkpoint", save)
    world = round_state.World(torch.device("cpu"))
    state = round_state.RoundState(tmp_path / "round", Trainer(), "", world)  # type: ignore[arg-type]  # a double
    for _ in range(20_000):
        clock += 0.01
        state.after_step()
    assert 0 < writing < 0.03 * clock
