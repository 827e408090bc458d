"""The updates of the open round, a file each: none is kept in memory, none is lost by a kill."""

import hashlib
import json
import logging
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from fedcmr.errors import ConfigurationError, DataError
from fedcmr.settings import Settings, parse_json
from fedcmr.types import FloatArray
from fedcmr_server.disk import replace_file, writing
from fedcmr_server.state import Contribution
from fedcmr_server.strategies.strategy import Update

log = logging.getLogger("fedcmr")


class _Kept(Settings):
    """What lies beside an update."""

    start: str
    """sha256 of the weights that the site trained from."""
    update: str
    """sha256 of the update."""
    contribution: Contribution


class Spool:
    """What has come in for a round; opened anew, it holds what came in before a crash.

    Args:
        folder: of the round.
        weights: that the round starts from, (P,); updates of others do not count.
    """

    def __init__(self, folder: Path, weights: FloatArray) -> None:
        self._folder = folder
        self._start = hashlib.sha256(np.ascontiguousarray(weights).data).hexdigest()
        self.contributed: dict[str, Contribution] = {}
        with writing(folder):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in sorted(folder.glob("*.json")):
            try:
                self.contributed[path.stem] = self._recover(path)
            except DataError as error:
                log.warning("%s; %s is asked again", error, path.stem)
                path.unlink()

    def _recover(self, path: Path) -> Contribution:
        values = path.with_suffix(".f32")
        try:
            kept = parse_json(path.read_text("utf-8"), _Kept, where=str(path))
            with values.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except (OSError, ValueError, ConfigurationError):
            raise DataError("a stored update cannot be read", where=str(path)) from None
        if kept.start != self._start:
            raise DataError("a stored update started from other weights", where=str(path))
        if kept.update != digest:
            raise DataError("a stored update is damaged", where=str(values))
        return kept.contribution

    def add(self, name: str, contribution: Contribution, blocks: Iterator[memoryview]) -> None:
        """Keep an update.

        Args:
            name: of the site.
            contribution: its numbers.
            blocks: its weights, little-endian float32.

        Raises:
            DataError: the disk is full.
            Exception: what `blocks` raises; nothing is kept.
        """
        whole = hashlib.sha256()

        def hashed() -> Iterator[memoryview]:
            for block in blocks:
                whole.update(block)
                yield block

        replace_file(self._folder / f"{name}.f32", lambda file: file.writelines(hashed()))
        kept = _Kept(start=self._start, update=whole.hexdigest(), contribution=contribution)
        text = json.dumps(kept.model_dump())
        replace_file(self._folder / f"{name}.json", lambda file: file.write(text.encode()))
        self.contributed[name] = contribution

    def drop(self, name: str) -> None:
        """Forget the update of a site."""
        del self.contributed[name]
        for kind in ("json", "f32"):
            (self._folder / f"{name}.{kind}").unlink()

    def updates(self) -> list[Update]:
        """Return the updates that are of any example, by name."""
        return [
            Update(name, contribution.examples, self._folder / f"{name}.f32")
            for name, contribution in sorted(self.contributed.items())
            if contribution.examples
        ]

    def remove(self) -> None:
        """Delete the folder: the round is over."""
        shutil.rmtree(self._folder, ignore_errors=True)
