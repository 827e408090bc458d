"""A coordinator that is killed at any moment, or whose disk is full, goes on where it was."""

import errno
import os
import random
from pathlib import Path

import numpy as np
import pytest
from fedcmr_server.rounds import Rounds
from flwr.app import RecordDict
from function_sites import FunctionLink, Site, add, experiment, site

from fedcmr.config import Experiment
from fedcmr.errors import DataError
from fedcmr.federation import messages as wire

ADAM = {
    "strategy": "fedadam",
    "server_learning_rate": 0.1,
    "beta_1": 0.9,
    "beta_2": 0.99,
    "tau": 1e-3,
}


class Killed(BaseException):
    """Not an Exception: nothing may catch it."""


def half(vector: np.ndarray) -> np.ndarray:
    return (0.5 * vector + 0.1).astype(np.float32)


SITES: dict[str, Site] = {"a": site(10, half), "b": site(30, add(2))}


def rounds(folder: Path, link: FunctionLink, settings: Experiment) -> Rounds:
    return Rounds(settings, folder, link, lambda link: None)


@pytest.mark.parametrize("settings", [experiment(), experiment(**ADAM)], ids=["fedavg", "fedadam"])
def test_killed_at_any_write_the_run_ends_with_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Experiment
) -> None:
    whole = rounds(tmp_path / "whole", FunctionLink(SITES), settings)
    whole.train()
    sync, dice = os.fsync, random.Random(7)

    def perhaps(file: int) -> None:
        if dice.random() < 0.1:
            raise Killed
        sync(file)

    monkeypatch.setattr("fedcmr_server.disk.os.fsync", perhaps)
    kills = 0
    for _ in range(50):
        try:
            run = rounds(tmp_path / "cut", FunctionLink(SITES), settings)
            run.train()
            break
        except Killed:
            kills += 1
    assert kills > 3
    assert np.array_equal(run.weights, whole.weights)
    assert np.array_equal(run.selected(), whole.selected())
    assert [record.round for record in run.state.rounds] == [1, 2, 3]
    assert run.state.best_round == whole.state.best_round


def test_updates_that_had_come_in_are_not_asked_for_again(tmp_path: Path) -> None:
    def dies(kind: str, content: RecordDict) -> RecordDict | str | None:
        if kind == wire.TRAIN and (tmp_path / "round-1" / "a.json").exists():
            raise Killed
        return SITES["b"](kind, content)

    settings = experiment(rounds=1)
    with pytest.raises(Killed):
        rounds(tmp_path, FunctionLink(SITES | {"b": dies}), settings).train()
    link = FunctionLink(SITES)
    run = rounds(tmp_path, link, settings)
    run.train()
    assert [name for name, kind in link.sent if kind == wire.TRAIN] == ["b"]
    assert set(run.state.rounds[0].contributed) == {"a", "b"}
    assert not (tmp_path / "round-1").exists()


def test_a_merged_round_whose_validation_was_cut_off_is_validated_not_merged_again(
    tmp_path: Path,
) -> None:
    def dies(kind: str, content: RecordDict) -> RecordDict | str | None:
        if kind == wire.EVALUATE:
            raise Killed
        return SITES["b"](kind, content)

    settings = experiment(rounds=1)
    cut = rounds(tmp_path, FunctionLink(SITES | {"b": dies}), settings)
    with pytest.raises(Killed):
        cut.train()
    link = FunctionLink(SITES)
    run = rounds(tmp_path, link, settings)
    run.train()
    assert ("b", wire.TRAIN) not in link.sent
    assert np.array_equal(run.weights, cut.weights)
    assert run.state.rounds[0].validation is not None


@pytest.mark.parametrize("moment", range(1, 14, 3))
def test_a_full_disk_stops_the_run_with_one_line_and_it_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    sync, writes = os.fsync, 0

    def full(file: int) -> None:
        nonlocal writes
        writes += 1
        if writes >= moment:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(file)

    monkeypatch.setattr("fedcmr_server.disk.os.fsync", full)
    with pytest.raises(DataError, match="No space left on device") as raised:
        rounds(tmp_path, FunctionLink(SITES), experiment()).train()
    assert "\n" not in str(raised.value)
    monkeypatch.undo()
    run = rounds(tmp_path, FunctionLink(SITES), experiment())
    run.train()
    whole = rounds(tmp_path / "whole", FunctionLink(SITES), experiment())
    whole.train()
    assert np.array_equal(run.weights, whole.weights)
