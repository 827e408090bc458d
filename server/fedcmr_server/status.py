"""What a run is doing, for `fedcmr-server status`: one small file, replaced at every change."""

import datetime as dt
import json
import time
from collections.abc import Collection
from pathlib import Path
from typing import Literal

from fedcmr.config import Experiment
from fedcmr.errors import DataError
from fedcmr.federation import messages as wire
from fedcmr.settings import Settings, parse_settings
from fedcmr_server.disk import replace_file
from fedcmr_server.sites import Sites

Phase = Literal[
    "waiting", "training", "evaluating", "finished", "partial", "stopped", "surveying", "surveyed"
]

DOING = {wire.TRAIN: "training", wire.EVALUATE: "evaluating", wire.ASK_SURVEY: "counting"}

KEEP_S = 1.0
"""Who comes and goes is written at most this often."""


class Status(Settings):
    """Content of status.json."""

    experiment: str
    phase: Phase
    round: int
    rounds: int
    sites: dict[str, str]
    """Site to what it is doing."""
    updated: str
    message: str = ""


class Board:
    """Keeps a status file up to date."""

    def __init__(self, path: Path, experiment: Experiment, sites: Sites) -> None:
        self._path = path
        self._experiment = experiment
        self._sites = sites
        self._written = 0.0
        self._last: tuple[object, ...] = ()

    def keep(
        self, phase: Phase, round: int, message: str = "", *, done: Collection[str] = ()
    ) -> None:
        """Write the status if it has changed and was not written a moment ago."""
        if time.monotonic() - self._written > KEEP_S:
            self.write(phase, round, message, done=done)

    def write(
        self, phase: Phase, round: int, message: str = "", *, done: Collection[str] = ()
    ) -> None:
        """Write the status if it has changed.

        Args:
            phase: of the run.
            round: how many are finished.
            message: one line for people.
            done: sites that have sent what was asked.
        """
        self._written = time.monotonic()
        self._put(phase, round, message, self._doing(done))

    def end(self, phase: Phase, round: int, sites: dict[str, str], message: str = "") -> None:
        """Write the last status, with what each site did in the whole run."""
        self._put(phase, round, message, sites)

    def _put(self, phase: Phase, round: int, message: str, sites: dict[str, str]) -> None:
        if (phase, round, message, sites) == self._last:
            return
        self._last = phase, round, message, sites
        status = Status(
            experiment=self._experiment.name,
            phase=phase,
            round=round,
            rounds=self._experiment.federation.rounds,
            sites=sites,
            updated=now(),
            message=message,
        )
        text = json.dumps(status.model_dump(), indent=2) + "\n"
        replace_file(self._path, lambda file: file.write(text.encode()))

    def _doing(self, done: Collection[str]) -> dict[str, str]:
        sites = self._sites
        online, ready = sites.online(), sites.ready()
        found = {}
        for name in sorted({*sites.enrolled(), *sites.cohorts, *sites.refused}):
            if name in done:
                found[name] = "answered"
            elif name in sites.doing:
                state = DOING.get(sites.doing[name], "asked")
                found[name] = state if name in online else f"away while {state}"
            elif name in sites.refused:
                found[name] = f"refused: {sites.refused[name]}"
            elif name in ready:
                found[name] = "ready"
            elif name in online:
                found[name] = "shaking hands"
            else:
                found[name] = "away" if name in sites.cohorts else "has not come yet"
        return found


def read_status(path: Path) -> Status:
    """Read a status file.

    Raises:
        DataError: it is missing or damaged.
    """
    try:
        return parse_settings(json.loads(path.read_text("utf-8")), Status, where=str(path))
    except (OSError, ValueError):
        raise DataError("no status", where=str(path)) from None


def now() -> str:
    """Return the time in UTC to the second, ISO 8601."""
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
