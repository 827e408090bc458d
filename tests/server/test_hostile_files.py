"""Files of a run that somebody made up: one line, nothing executed."""

import hashlib
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from fedcmr_server.checkpoint import SEAL, Checkpoint
from fedcmr_server.spare import SpareFiles
from fedcmr_server.spool import Spool
from fedcmr_server.state import RunState

from fedcmr.errors import DataError

DIGEST = "d" * 64


class Bomb:
    """Ends the process when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, ("raise SystemExit('executed')",)


@pytest.fixture
def sealed(tmp_path: Path) -> tuple[Checkpoint, RunState, Path]:
    checkpoint = Checkpoint(tmp_path)
    state = RunState(experiment_digest=DIGEST, started="2026-01-01T00:00:00+00:00")
    weights = np.arange(5, dtype=np.float32)
    return checkpoint, checkpoint.save(state, {"w.npy": weights}), tmp_path


def archive(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("arr_0.npy", b"")


def header(text: str) -> Callable[[Path], None]:
    data = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()
    return lambda path: path.write_bytes(data) and None


@pytest.mark.parametrize(
    "write",
    [
        lambda path: path.write_bytes(pickle.dumps(Bomb())),
        lambda path: np.save(path, np.array([Bomb()], object), allow_pickle=True),
        archive,
        header("{'descr': '<f4', 'fortran_order': False, 'shape': (5,), }"),
        header(f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({2**61},), }}"),
        header("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }"),
        header("(" * 9000),
    ],
)
def test_weights_that_are_made_up_are_one_line(
    sealed: tuple[Checkpoint, RunState, Path], write: Callable[[Path], None]
) -> None:
    checkpoint, state, folder = sealed
    assert checkpoint.array(state, "w.npy").tolist() == [0, 1, 2, 3, 4]
    write(folder / "w.npy")
    with pytest.raises(DataError, match="the checkpoint is damaged"):
        checkpoint.array(state, "w.npy")


@pytest.mark.parametrize("text", ["", "{}", "[" * 100_000, '{"rounds": "' + "x" * 10_000 + '"}'])
def test_a_state_that_is_made_up_is_one_line(tmp_path: Path, text: str) -> None:
    seal = hashlib.sha256(text.encode()).hexdigest()
    (tmp_path / SEAL).write_text(f"{seal}\n{text}")
    with pytest.raises(DataError, match="the checkpoint is damaged"):
        Checkpoint(tmp_path).load(DIGEST)


def test_made_up_files_of_a_round_are_not_taken(tmp_path: Path) -> None:
    folder = tmp_path / "round-1"
    folder.mkdir()
    for name, text, size in (("a", "{}", 20), ("b", "[" * 100_000, 20), ("c", "{}", 8)):
        (folder / f"{name}.json").write_text(text)
        (folder / f"{name}.parts").mkdir()
        (folder / f"{name}.parts" / "00000").write_bytes(bytes(size))
    assert Spool(folder, np.zeros(5, np.float32), SpareFiles(tmp_path, "part")).updates() == []
