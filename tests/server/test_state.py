from pathlib import Path

import numpy as np
import pytest
from fedcmr_server.state import Contribution, RoundRecord, RunState, load_state, save_state

from fedcmr.errors import DataError
from fedcmr.federation.cohort import Cohort

STATE = RunState(
    experiment_digest="ab" * 32,
    started="2026-01-02T03:04:05+00:00",
    cohorts={"one": Cohort(train=3, validation=1, test=1, phantom=True)},
    refused={"two": "code digest differs"},
    rounds=(
        RoundRecord(
            round=1,
            seconds=1.5,
            contributed={"one": Contribution(examples=3, steps=1, loss=0.7, seconds=0.9)},
            missed={"two": "not connected"},
            validation_loss=0.69,
            validation_auc=None,
            comparable=True,
        ),
    ),
    best_round=1,
)
WEIGHTS, BEST = np.arange(5, dtype=np.float32), np.ones(5, dtype=np.float32)


def test_a_checkpoint_comes_back_whole(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    save_state(path, STATE, WEIGHTS, BEST)
    state, weights, best = load_state(path, STATE.experiment_digest)
    assert state == STATE
    assert np.array_equal(weights, WEIGHTS)
    assert np.array_equal(best, BEST)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_a_crash_while_writing_leaves_the_old_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "checkpoint.safetensors"
    save_state(path, STATE, WEIGHTS, BEST)

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("fedcmr_server.state.os.fsync", crash)
    with pytest.raises(KeyboardInterrupt):
        save_state(path, STATE, WEIGHTS + 1, BEST)
    assert np.array_equal(load_state(path, STATE.experiment_digest)[1], WEIGHTS)


def test_damage_and_mix_ups_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    save_state(path, STATE, WEIGHTS, BEST)
    with pytest.raises(DataError, match="another experiment"):
        load_state(path, "cd" * 32)
    whole = path.read_bytes()
    for broken in (b"", whole[:40], whole[:-3], b"\x80\x04." + whole):
        path.write_bytes(broken)
        with pytest.raises(DataError, match="checkpoint is damaged"):
            load_state(path, STATE.experiment_digest)
