"""Who was asked in a round, and since when: a restart waits for them as the round would have."""

import json
import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from pydantic import Field

from fedcmr.errors import ConfigurationError
from fedcmr.settings import Settings, parse_json
from fedcmr_server.disk import replace_file


class _Note(Settings):
    sites: tuple[str, ...] = ()
    since: float = Field(default_factory=time.time)


class Asked:
    """The note in a round's folder; sites that train do not hear of a restart before they answer.

    Args:
        folder: of the round; a note that cannot be read is none.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "asked"
        note = _Note()
        with suppress(OSError, ValueError, ConfigurationError):
            note = parse_json(self._path.read_text("utf-8"), _Note, where=str(self._path))
        self.sites = frozenset(note.sites)
        """Who was asked before the restart."""
        self.elapsed_s = max(0.0, time.time() - note.since)
        """Of the deadline, with the time that the coordinator was away."""

    def note(self, sites: Collection[str], elapsed_s: float) -> None:
        """Keep who was asked, and how much of the deadline has gone by.

        Raises:
            DataError: the disk is full.
        """
        text = json.dumps({"sites": sorted(sites), "since": time.time() - elapsed_s})
        replace_file(self._path, lambda file: file.write(text.encode()))
