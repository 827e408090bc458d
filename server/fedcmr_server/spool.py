"""The updates of the open round, in files: none is kept in memory, none is lost by a kill.

The parts in which an update has arrived are linked into the folder of the round, so that they are
written once. A power cut may take what was not on the disk yet: what does not match its sha256 is
asked again, and the site answers with the update that it has stored.
"""

import hashlib
import json
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from itertools import count, groupby
from pathlib import Path

import numpy as np

from fedcmr.errors import ConfigurationError, DataError
from fedcmr.federation.messages import PART
from fedcmr.federation.parts import LONGEST_HEAD
from fedcmr.settings import Settings, parse_json
from fedcmr.types import FloatArray
from fedcmr_server.disk import replace_file, writing
from fedcmr_server.replies import Block, Unusable
from fedcmr_server.spare import SpareFiles
from fedcmr_server.state import Contribution
from fedcmr_server.strategies.strategy import Piece, Update

log = logging.getLogger("fedcmr")

PARTS = ".parts"
"""How the name of a site's folder ends."""

SMALLEST_LINK = 2**20
"""Bytes: an update that came in thousands of parts must not become thousands of files."""


class _Piece(Settings):
    sha256: str
    """Of the whole file."""
    offset: int
    count: int


class _Kept(Settings):
    """What lies beside the files of an update."""

    start: str
    """sha256 of the weights that the site trained from."""
    pieces: tuple[_Piece, ...]
    contribution: Contribution


class Spool:
    """What has come in for a round; opened anew, it holds what came in before a crash.

    Args:
        folder: of the round.
        weights: that the round starts from, (P,); updates of others do not count.
        spare: takes the files of updates that are no longer needed.
    """

    def __init__(self, folder: Path, weights: FloatArray, spare: SpareFiles) -> None:
        self._folder = folder
        self._spare = spare
        self._start = hashlib.sha256(np.ascontiguousarray(weights).data).hexdigest()
        self.contributed: dict[str, Contribution] = {}
        self._pieces: dict[str, tuple[Piece, ...]] = {}
        with writing(folder):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in sorted(folder.glob("*.json")):
            try:
                self.contributed[path.stem] = self._recover(path)
            except DataError as error:
                log.warning("%s; %s is asked again", error, path.stem)
                path.unlink()

    def _recover(self, path: Path) -> Contribution:
        folder = path.with_suffix(PARTS)
        try:
            kept = parse_json(path.read_text("utf-8"), _Kept, where=str(path))
            digests = [_sha256(folder / _name(i)) for i in range(len(kept.pieces))]
        except (OSError, ValueError, ConfigurationError):
            raise DataError("a stored update cannot be read", where=str(path)) from None
        if kept.start != self._start:
            raise DataError("a stored update started from other weights", where=str(path))
        if [piece.sha256 for piece in kept.pieces] != digests:
            raise DataError("a stored update is damaged", where=str(folder))
        self._pieces[path.stem] = _located(folder, kept)
        return kept.contribution

    def add(self, name: str, contribution: Contribution, blocks: Iterator[Block]) -> None:
        """Keep an update.

        Args:
            name: of the site.
            contribution: its numbers.
            blocks: its weights, little-endian float32.

        Raises:
            DataError: the disk is full.
            Unusable: the site has withdrawn a part.
            Exception: what `blocks` raises; nothing is kept.
        """
        folder = self._folder / f"{name}{PARTS}"
        with writing(folder):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(mode=0o700)
            try:
                pieces = tuple(_kept(blocks, folder))
            except BaseException:
                shutil.rmtree(folder, ignore_errors=True)
                raise
        kept = _Kept(start=self._start, pieces=pieces, contribution=contribution)
        text = json.dumps(kept.model_dump())
        replace_file(self._folder / f"{name}.json", lambda file: file.write(text.encode()))
        self._pieces[name] = _located(folder, kept)
        self.contributed[name] = contribution

    def drop(self, name: str) -> None:
        """Forget the update of a site."""
        del self.contributed[name], self._pieces[name]
        (self._folder / f"{name}.json").unlink()
        self._empty(self._folder / f"{name}{PARTS}")

    def updates(self) -> list[Update]:
        """Return the updates that are of any example, by name."""
        return [
            Update(name, contribution.examples, self._pieces[name])
            for name, contribution in sorted(self.contributed.items())
            if contribution.examples
        ]

    def remove(self) -> None:
        """Delete the folder: the round is over."""
        with suppress(OSError):
            for name in self.contributed:
                self._empty(self._folder / f"{name}{PARTS}")
        shutil.rmtree(self._folder, ignore_errors=True)

    def _empty(self, folder: Path) -> None:
        for path in folder.iterdir():
            if path.stat().st_size <= PART + LONGEST_HEAD:
                self._spare.keep(path)
        shutil.rmtree(folder)


def _name(number: int) -> str:
    return f"{number:05}"


def _kept(blocks: Iterator[Block], folder: Path) -> Iterator[_Piece]:
    paths = (folder / _name(number) for number in count())
    for is_linked, some in groupby(blocks, _is_worth_a_link):
        if is_linked:
            yield from map(_linked, some, paths)
        else:
            yield _written(some, next(paths))


def _is_worth_a_link(block: Block) -> bool:
    return block.file is not None and block.values.nbytes >= SMALLEST_LINK


def _linked(block: Block, path: Path) -> _Piece:
    assert block.file is not None
    try:
        try:
            os.link(block.file, path)
        except FileNotFoundError:
            raise
        except OSError:  # a file system without links
            shutil.copyfile(block.file, path)
    except FileNotFoundError:
        raise Unusable("a part of the update is gone") from None
    return _Piece(sha256=block.file.name, offset=block.offset, count=block.values.size)


def _written(blocks: Iterator[Block], path: Path) -> _Piece:
    whole, number = hashlib.sha256(), 0
    with path.open("wb") as file:
        for block in blocks:
            file.write(block.values.data)
            whole.update(block.values.data)
            number += block.values.size
    return _Piece(sha256=whole.hexdigest(), offset=0, count=number)


def _located(folder: Path, kept: _Kept) -> tuple[Piece, ...]:
    return tuple(
        Piece(folder / _name(i), piece.offset, piece.count) for i, piece in enumerate(kept.pieces)
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
