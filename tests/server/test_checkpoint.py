import errno
import os
from pathlib import Path

import numpy as np
import pytest
from fedcmr_server.checkpoint import Checkpoint
from fedcmr_server.state import Contribution, RoundRecord, RunState, Validation

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
            finished="2026-01-02T03:05:05+00:00",
            seconds=1.5,
            contributed={"one": Contribution(examples=3, steps=1, loss=0.7, seconds=0.9)},
            missed={"two": "not connected"},
            validation=Validation(loss=0.69, auc=None, comparable=True),
        ),
    ),
    best_round=1,
)
WEIGHTS = np.arange(5, dtype=np.float32)
FILE = "weights-1.npy"


def saved(folder: Path) -> tuple[Checkpoint, RunState]:
    checkpoint = Checkpoint(folder)
    return checkpoint, checkpoint.save(STATE, {FILE: WEIGHTS})


def test_a_checkpoint_comes_back_whole(tmp_path: Path) -> None:
    checkpoint, state = saved(tmp_path)
    found = Checkpoint(tmp_path).load(STATE.experiment_digest)
    assert found == state
    assert found == STATE.model_copy(update={"files": state.files})
    assert np.array_equal(checkpoint.array(found, FILE), WEIGHTS)
    assert all(path.stat().st_mode & 0o077 == 0 for path in tmp_path.iterdir())


def test_files_that_are_no_longer_needed_go_and_those_that_are_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fedcmr_server.spare.SMALLEST", 0)
    checkpoint, state = saved(tmp_path)
    state = checkpoint.save(state, {"weights-2.npy": WEIGHTS + 1}, frozenset({FILE}))
    assert np.array_equal(checkpoint.array(state, FILE), WEIGHTS)
    state = checkpoint.save(state, {}, frozenset({"weights-2.npy"}))
    assert {path.name for path in tmp_path.iterdir()} == {
        "checkpoint",
        "weights-2.npy",
        "spare-array-0",
    }
    longer = np.arange(9, dtype=np.float32)  # is written over the spare file
    state = checkpoint.save(state, {"weights-3.npy": longer}, frozenset({"weights-2.npy"}))
    assert {path.name for path in tmp_path.iterdir()} == {"checkpoint", *state.files}
    state = checkpoint.save(state, {"weights-4.npy": WEIGHTS})
    state = checkpoint.save(state, {"weights-5.npy": WEIGHTS - 1})
    assert np.array_equal(checkpoint.array(state, "weights-5.npy"), WEIGHTS - 1)
    assert (tmp_path / "weights-5.npy").stat().st_size == (128 + WEIGHTS.nbytes)
    Checkpoint(tmp_path).save(state, {"weights-6.npy": WEIGHTS})
    assert len([*tmp_path.iterdir()]) == 3


@pytest.mark.parametrize("moment", [1, 2, 3, 4])
def test_a_crash_while_writing_leaves_the_old_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    checkpoint, state = saved(tmp_path)
    calls, sync = 0, os.fsync

    def crash(file: int) -> None:
        nonlocal calls
        calls += 1
        if calls == moment:
            raise KeyboardInterrupt
        sync(file)

    monkeypatch.setattr("fedcmr_server.disk.os.fsync", crash)
    with pytest.raises(KeyboardInterrupt):
        checkpoint.save(state, {"weights-2.npy": WEIGHTS + 1})
    found = Checkpoint(tmp_path).load(STATE.experiment_digest)
    assert found is not None
    name = "weights-2.npy" if moment == 4 else FILE  # by then the new one has its name
    assert np.array_equal(checkpoint.array(found, name), WEIGHTS + (moment == 4))


def test_a_full_disk_is_one_line_and_leaves_the_old_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint, state = saved(tmp_path)

    def full(file: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("fedcmr_server.disk.os.fsync", full)
    with pytest.raises(DataError, match=r"cannot write: No space left on device .*the run goes on"):
        checkpoint.save(state, {"weights-2.npy": WEIGHTS + 1})
    assert Checkpoint(tmp_path).load(STATE.experiment_digest) == state
    assert np.array_equal(checkpoint.array(state, FILE), WEIGHTS)


def test_damage_and_mix_ups_are_refused(tmp_path: Path) -> None:
    checkpoint, state = saved(tmp_path)
    with pytest.raises(DataError, match="another experiment"):
        checkpoint.load("cd" * 32)
    for path in (tmp_path / "checkpoint", tmp_path / FILE):
        whole = path.read_bytes()
        flipped = bytes([whole[-3] ^ 1])
        for broken in (b"", whole[:40], whole[:-3] + flipped + whole[-2:], b"\x80\x04." + whole):
            path.write_bytes(broken)
            with pytest.raises(DataError, match="checkpoint is damaged"):
                checkpoint.array(checkpoint.load(STATE.experiment_digest) or STATE, FILE)
        path.write_bytes(whole)
    (tmp_path / FILE).unlink()
    with pytest.raises(DataError, match="checkpoint is damaged"):
        checkpoint.array(state, FILE)
