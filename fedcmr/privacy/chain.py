"""An append-only file of JSON lines in which every line holds the digest of the one before it.

Beside `name.jsonl` lies `name.head`: the number of lines and the digest of the last one, written
after that line is on the disk. A changed byte, a missing or a moved line breaks the chain; a tail
that was cut off is missed by the head. Lines behind the head are what a kill left between the two
writes: whole ones count, a torn last one was never acted upon and is dropped.

Whoever may write both files can forge both: note the head down elsewhere from time to time.
"""

import errno
import fcntl
import hashlib
import json
import os
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fedcmr.durable import sync_folder, write_atomically
from fedcmr.errors import DataError

GENESIS = "0" * 64
"""Stands for the line before the first."""

NUMBER, PREVIOUS = "n", "previous"
"""What the chain adds to an entry: the number of its line, the sha256 of the line before."""

Entry = Mapping[str, Any]


@dataclass(frozen=True)
class End:
    """Where a verified chain ends."""

    lines: int
    digest: str
    """sha256 of the last line, in hex."""
    size: int
    """Bytes of the whole lines."""
    torn: int
    """Bytes of a last line that was being written when its process died; nothing hung on it."""


def walk(path: Path, visit: Callable[[Entry], None]) -> End:
    """Verify a chain and show each of its entries to `visit`, in order.

    Raises:
        DataError: a byte changed, or a line is missing, was moved or cut off; names the line.
    """
    head = _read_head(path)  # before the lines: a running client may add some meanwhile
    anchored, expected = head or (0, GENESIS)
    number, digest, size, torn = 0, GENESIS, 0, 0
    if not path.exists():
        if anchored:
            raise _damaged(path, "the file is missing")
        return End(0, GENESIS, 0, 0)
    last: Entry | None = None  # shown once the line behind it, or the head, has confirmed it
    with path.open("rb") as file:
        for line in file:
            entry = _checked(line, number + 1, digest)
            if entry is None:
                if number < anchored or file.read(1):
                    raise _damaged(path, f"line {number + 1} was changed, moved or removed")
                torn = len(line)
                break
            number, size, digest = number + 1, size + len(line), hashlib.sha256(line).hexdigest()
            if number == anchored and digest != expected:
                raise _damaged(path, f"line {number} was changed")
            if last is not None:
                visit(last)
            last = entry
    if number < anchored:
        raise _damaged(path, f"{anchored - number} lines were cut off at the end")
    if head is None and number > 1:
        raise _damaged(path, "its head is missing")
    if last is not None:
        visit(last)
    return End(number, digest, size, torn)


class Chain:
    """A verified chain, open for appending by one process.

    Args:
        path: name.jsonl; made on the first entry.
        visit: is shown the entries that are there already.

    Raises:
        DataError: the chain is damaged.
    """

    def __init__(self, path: Path, visit: Callable[[Entry], None]) -> None:
        self.path = path
        self.end = walk(path, visit)
        if self.end.torn:
            os.truncate(path, self.end.size)
        self._head: tuple[int, str] | None = None
        if self.end.lines:
            self._write_head()

    def append(self, entry: Entry) -> None:
        """Add an entry; it is on the disk when this returns.

        Raises:
            DataError: the disk is full, the folder may not be written, or another process wrote.
        """
        number = self.end.lines + 1
        whole = {**entry, NUMBER: number, PREVIOUS: self.end.digest}
        text = json.dumps(whole, sort_keys=True, separators=(",", ":"), allow_nan=False)
        line = text.encode("ascii") + b"\n"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab", buffering=0) as file:
                fcntl.flock(file, fcntl.LOCK_EX)  # until closed: nobody writes after the check
                self._check_alone(file.fileno())
                self._write(file.fileno(), line)
                if number == 1:
                    sync_folder(self.path.parent)
                size, digest = self.end.size + len(line), hashlib.sha256(line).hexdigest()
                self.end = End(number, digest, size, 0)
                self._write_head()
        except OSError as error:
            raise DataError(f"cannot write: {error.strerror}", where=str(self.path)) from None

    def _check_alone(self, file: int) -> None:
        if os.fstat(file).st_size != self.end.size or _read_head(self.path) != self._head:
            raise DataError(
                "another process wrote to a ledger; nothing was added to it",
                where=str(self.path),
                fix="stop all processes of this site, then start one client",
            )

    def _write(self, file: int, line: bytes) -> None:
        try:
            if os.write(file, line) < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(file)
        except OSError:
            with suppress(OSError):
                os.truncate(file, self.end.size)  # what a full disk left of the line
            raise

    def _write_head(self) -> None:
        content = f"{self.end.lines} {self.end.digest}\n".encode("ascii")
        write_atomically(head_file(self.path), content)
        self._head = self.end.lines, self.end.digest


def head_file(path: Path) -> Path:
    """Return the file with number and digest of the last line."""
    return path.with_suffix(".head")


def _read_head(path: Path) -> tuple[int, str] | None:
    try:
        content = head_file(path).read_bytes()
    except FileNotFoundError:
        return None
    found = re.fullmatch(rb"([1-9][0-9]*) ([0-9a-f]{64})\n", content)
    if found is None:
        raise _damaged(path, "its head was changed")
    return int(found[1]), found[2].decode("ascii")


def _checked(line: bytes, number: int, previous: str) -> Entry | None:
    """Return the entry of a whole line at its place, otherwise None."""
    if not line.endswith(b"\n"):
        return None
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    if not isinstance(entry, dict):
        return None
    fits = entry.get(NUMBER) == number and entry.get(PREVIOUS) == previous
    return entry if fits else None


def _damaged(path: Path, what: str) -> DataError:
    return DataError(
        f"a ledger was tampered with or damaged: {what}",
        where=str(path),
        fix="keep both files for the data-protection officer and restore them from a backup",
    )
