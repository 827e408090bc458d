"""What a run is doing, for `fedcmr-server status`: one small file, replaced at every change."""

import datetime as dt
import json
from pathlib import Path
from typing import Literal

from fedcmr.config import Settings, parse_settings
from fedcmr.errors import DataError

Phase = Literal["waiting", "training", "evaluating", "finished", "partial", "stopped"]


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


def write_status(
    path: Path,
    *,
    experiment: str,
    phase: Phase,
    round: int,
    rounds: int,
    sites: dict[str, str],
    message: str = "",
) -> None:
    """Replace the status file."""
    status = Status(
        experiment=experiment,
        phase=phase,
        round=round,
        rounds=rounds,
        sites=sites,
        updated=now(),
        message=message,
    )
    temporary = path.with_suffix(".writing")
    temporary.write_text(json.dumps(status.model_dump(), indent=2) + "\n", encoding="utf-8")
    temporary.replace(path)


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
