"""Files that are whole after a kill or a power cut."""

import os
from pathlib import Path

from fedcmr.errors import DataError

PARTIAL = ".partial"
"""Ending of a file that is being written; one that a kill left behind is written over."""


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk.

    Raises:
        OSError: there is no such folder.
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_atomically(path: Path, *content: bytes | memoryview) -> None:
    """Write a file that is either absent, old, or whole, also after a kill or power cut.

    Raises:
        DataError: the disk is full, or the folder may not be written.
    """
    partial = path.with_name(f".{path.name}{PARTIAL}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            file.writelines(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        raise DataError(f"cannot write: {error.strerror}", where=str(path)) from None
