"""Files that are no longer needed, to be written over: the system has their pages at hand.

A new page costs as much as what is written into it, and ten times as much on a virtual machine
whose host takes free memory back.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import BinaryIO

SMALLEST = 2**16
"""Bytes of a file that is worth keeping."""


class SpareFiles:
    """Spare files of one kind.

    Somebody may still read a file that is written over, and then reads what is new. So what a site
    has sent is never read by a site from its file, and never of one kind with what is sent.

    Args:
        folder: where they lie.
        kind: of this name, one in a folder.
    """

    def __init__(self, folder: Path, kind: str) -> None:
        self._folder = folder
        self._kind = kind
        self._numbers = count()
        self._spare: list[Path] = []

    def keep(self, path: Path) -> None:
        """Take a file out of use; it loses its name, and a small one goes.

        Raises:
            OSError: there is no such file.
        """
        found = path.stat()
        # with another name its content is still in use
        if found.st_nlink > 1 or found.st_size < SMALLEST:
            path.unlink()
            return
        spare = self._folder / f"spare-{self._kind}-{next(self._numbers)}"
        path.rename(spare)
        self._spare.append(spare)

    @contextmanager
    def written(self, path: Path) -> Iterator[BinaryIO]:
        """Open a new file of this name for writing, mode 600.

        Raises:
            OSError: the disk is full, or failed; the file may be there in part.
        """
        try:
            self._spare.pop().rename(path)
        except (IndexError, FileNotFoundError):
            path.touch(mode=0o600)
        with path.open("r+b") as file:
            yield file
            file.truncate()

    def forget(self) -> None:
        """Begin without any; the folder was emptied."""
        self._spare.clear()
