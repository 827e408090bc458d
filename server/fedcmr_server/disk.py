"""Files of a run that are either absent, old, or whole."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import BinaryIO

from fedcmr.durable import sync_folder
from fedcmr.errors import DataError


def new_file(path: Path) -> AbstractContextManager[BinaryIO]:
    """Open a new file for writing, mode 600."""
    return open(path, "wb", opener=_only_for_us)


def replace_file(
    path: Path,
    write: Callable[[BinaryIO], object],
    opened: Callable[[Path], AbstractContextManager[BinaryIO]] = new_file,
) -> None:
    """Write a file aside, mode 600, and give it its name at once; a kill or power cut may come.

    Args:
        path: of the file.
        write: writes all of it.
        opened: makes the file aside.

    Raises:
        DataError: the disk is full, or the folder may not be written.
        Exception: what `write` raises; the old file stays.
    """
    aside = path.with_name(f".{path.name}.writing")
    with writing(path):
        try:
            with opened(aside) as file:
                write(file)
                file.truncate()
                file.flush()
                os.fsync(file.fileno())
            aside.replace(path)
        finally:
            aside.unlink(missing_ok=True)
        sync_folder(path.parent)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Name the file or folder that the disk did not take.

    Raises:
        DataError: an OSError came up.
    """
    try:
        yield
    except OSError as error:
        raise DataError(
            f"cannot write: {error.strerror or error}",
            where=str(path),
            fix="free some space and give the same command again: the run goes on",
        ) from None


def _only_for_us(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
