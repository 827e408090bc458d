import errno
import os
from pathlib import Path
from typing import NoReturn

import pytest

from fedcmr.durable import PARTIAL, sync_folder, write_atomically
from fedcmr.errors import DataError


def test_a_file_is_the_old_one_until_the_new_one_is_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "made" / "a"
    write_atomically(path, b"old")

    def full(file: int) -> NoReturn:
        assert path.read_bytes() == b"old"
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(DataError, match="No space left on device"):
            write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    write_atomically(path, b"ne", memoryview(b"wer"))
    assert path.read_bytes() == b"newer"
    assert not [left for left in path.parent.iterdir() if left.suffix == PARTIAL]


def test_a_folder_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[Path] = []
    monkeypatch.setattr(
        os, "fsync", lambda file: waited.append(Path(f"/proc/self/fd/{file}").readlink())
    )
    sync_folder(tmp_path)
    assert waited == [tmp_path]
