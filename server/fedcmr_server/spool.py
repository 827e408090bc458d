"""The updates of the open round, a file each: none is kept in memory, none is lost by a kill."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

from fedcmr.errors import ConfigurationError
from fedcmr.federation.payload import Layout
from fedcmr.settings import parse_json
from fedcmr_server.disk import replace_file, writing
from fedcmr_server.state import Contribution
from fedcmr_server.strategies.strategy import Update


class Spool:
    """What has come in for a round; opened anew, it holds what came in before a crash."""

    def __init__(self, folder: Path, layout: Layout) -> None:
        self._folder = folder
        self.contributed: dict[str, Contribution] = {}
        with writing(folder):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in sorted(folder.glob("*.json")):
            values = path.with_suffix(".f32")
            try:
                if values.stat().st_size != 4 * layout.size:
                    raise ValueError
                found = parse_json(path.read_text("utf-8"), Contribution, where=str(path))
            except (OSError, ValueError, ConfigurationError):
                path.unlink()  # the site is asked again
            else:
                self.contributed[path.stem] = found

    def add(self, name: str, contribution: Contribution, blocks: Iterator[bytes]) -> None:
        """Keep an update.

        Args:
            name: of the site.
            contribution: its numbers.
            blocks: its weights, little-endian float32.

        Raises:
            DataError: the disk is full.
            Exception: what `blocks` raises; nothing is kept.
        """
        replace_file(self._folder / f"{name}.f32", lambda file: file.writelines(blocks))
        text = json.dumps(contribution.model_dump())
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
