"""A run that can go on: one small file, replaced at once, that names and seals the array files."""

import hashlib
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numpy as np

from fedcmr.errors import DataError, FedcmrError
from fedcmr.settings import parse_json
from fedcmr.types import FloatArray
from fedcmr_server.disk import replace_file, writing
from fedcmr_server.spare import SpareFiles
from fedcmr_server.state import RunState

SEAL = "checkpoint"
"""First line the sha256 of the second, second line the RunState as JSON."""


class Checkpoint:
    """The checkpoint in a folder; a crash leaves the old one or the new one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._spare = SpareFiles(folder, "array")
        self._most = 0
        """Arrays that were saved at once."""

    def load(self, experiment_digest: str) -> RunState | None:
        """Return the state, or None where no round was finished.

        Raises:
            DataError: it is damaged or belongs to another experiment.
        """
        path = self._folder / SEAL
        if not path.exists():
            return None
        try:
            digest, _, text = path.read_text("utf-8").partition("\n")
            if hashlib.sha256(text.encode()).hexdigest() != digest:
                raise ValueError
            state = parse_json(text, RunState, where=str(path))
        except (OSError, ValueError, FedcmrError):
            raise _damage(path) from None
        if state.experiment_digest != experiment_digest:
            raise DataError("the checkpoint belongs to another experiment", where=str(path))
        return state

    def array(self, state: RunState, name: str) -> FloatArray:
        """Read one array.

        Raises:
            DataError: it is missing or damaged.
        """
        path = self._folder / name
        try:
            with path.open("rb") as file:
                array: FloatArray = np.lib.format.read_array(file, allow_pickle=False)
        except Exception:  # numpy reads the header as Python text and lets any error of it through
            raise _damage(path) from None
        if _sha256(array) != state.files.get(name):
            raise _damage(path)
        return array

    def save(
        self, state: RunState, arrays: Mapping[str, FloatArray], keep: frozenset[str] = frozenset()
    ) -> RunState:
        """Replace the checkpoint and return its state.

        Args:
            state: to save.
            arrays: new files, name to content.
            keep: files of the checkpoint before that this one needs too; the others are deleted.

        Raises:
            DataError: the disk is full; the checkpoint before stays.
        """
        with writing(self._folder):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, array in arrays.items():
            replace_file(self._folder / name, partial(_write, array), self._spare.written)
        files = {name: _sha256(array) for name, array in arrays.items()}
        files |= {name: state.files[name] for name in keep}
        sealed = state.model_copy(update={"files": files})
        text = sealed.model_dump_json()  # unlike canonical JSON without an object for every number
        digest = hashlib.sha256(text.encode()).hexdigest()
        replace_file(self._folder / SEAL, lambda file: file.write(f"{digest}\n{text}".encode()))
        with writing(self._folder):
            self._most = max(self._most, len(arrays))
            gone = [path for path in self._folder.iterdir() if path.name not in {SEAL, *files}]
            self._spare.forget()
            for number, path in enumerate(gone):
                if number < self._most:
                    self._spare.keep(path)
                else:
                    path.unlink()
        return sealed


def _write(array: FloatArray, file: BinaryIO) -> None:
    header = np.lib.format.header_data_from_array_1_0(array)
    np.lib.format.write_array_header_1_0(file, header)
    file.write(np.ascontiguousarray(array).data)  # unlike tofile, it tells that the disk is full


def _sha256(array: FloatArray) -> str:
    whole = hashlib.sha256(f"{array.dtype.str} {array.shape} ".encode())
    whole.update(np.ascontiguousarray(array).data)
    return whole.hexdigest()


def _damage(path: Path) -> DataError:
    return DataError(
        "the checkpoint is damaged",
        where=str(path),
        fix="restore the run's folder from a backup, or delete it to start again",
    )
