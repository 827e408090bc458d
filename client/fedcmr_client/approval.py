"""Which experiments the people of this site have approved, by digest: one file for each.

Commands write while a client runs, so every decision is a file of its own, replaced at once.
"""

import datetime as dt
import getpass
import json
import logging
import os
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from fedcmr.durable import write_atomically
from fedcmr.errors import DataError, PolicyRefusal, UsageError

log = logging.getLogger("fedcmr")

Decision = Literal["pending", "approved", "withdrawn"]

SHORTEST_PREFIX = 16
"""Hex digits, 64 bits: with 32 a coordinator could make two experiments that start alike."""
WHOLE_DIGEST = 64


@dataclass(frozen=True)
class Approval:
    """What is known of one experiment."""

    digest: str
    decision: Decision
    time: str
    by: str
    """User of the machine who decided; empty while pending."""
    page: str
    """What was shown of the experiment; empty where it was approved before it was seen."""


class NotApproved(PolicyRefusal):
    """Nobody has said yes yet: the usual state of a new run, not a fault."""


class Approvals:
    """The decisions in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._waiting: set[str] = set()
        """Refused by this process for want of an approval."""

    def all(self) -> list[Approval]:
        """Return every experiment that was seen or decided on, latest last.

        Raises:
            DataError: a file is damaged.
        """
        found = [self._read(path) for path in self._folder.glob("*.json")]
        return sorted(found, key=lambda approval: approval.time)

    def decide(self, prefix: str, decision: Decision) -> Approval:
        """Write down a decision on the experiment whose digest starts with `prefix`.

        The same decision again changes nothing: who made it first, and when, stays on record.

        Raises:
            UsageError: no such experiment was seen and the digest is not whole, or it is ambiguous.
            DataError: the disk is full.
        """
        digest = self._whole(prefix)
        path = self._file(digest)
        known = self._read(path) if path.exists() else None
        if known is not None and known.decision == decision:
            return known
        page = known.page if known is not None else ""
        approval = Approval(digest, decision, _now(), _user(), page)
        self._write(approval)
        return approval

    def demand(self, digest: str, page: Callable[[], str], *, ask: bool) -> None:
        """Check that an experiment may be worked on; note it as pending where nobody decided.

        Args:
            digest: of the experiment.
            page: what a person needs to decide.
            ask: an approval is needed; otherwise only a withdrawal counts.

        Raises:
            NotApproved: nobody has decided yet.
            PolicyRefusal: withdrawn.
        """
        path = self._file(digest)
        known = self._read(path) if path.exists() else None
        if known is not None and known.decision == "withdrawn":
            self._waiting.add(digest)
            raise PolicyRefusal("the site has withdrawn from this run")
        if not ask or (known is not None and known.decision == "approved"):
            return
        if known is None:
            shown = page()
            self._write(Approval(digest, "pending", _now(), "", shown))
            for line in shown.splitlines():
                log.info("%s", line)
        self._waiting.add(digest)
        raise NotApproved(
            "waits for approval at the site",
            fix="say yes by `fedcmr-client approve "
            f"{digest[:SHORTEST_PREFIX]} --site {self._folder.parent}`",
        )

    def approved_meanwhile(self) -> bool:
        """Tell, once, that an experiment that was refused has been approved."""
        ready = {
            digest
            for digest in self._waiting
            if (path := self._file(digest)).exists() and self._read(path).decision == "approved"
        }
        self._waiting -= ready
        return bool(ready)

    def _whole(self, prefix: str) -> str:
        prefix = prefix.lower()
        if not re.fullmatch(rf"[0-9a-f]{{{SHORTEST_PREFIX},{WHOLE_DIGEST}}}", prefix):
            raise UsageError(
                f"{prefix!r} is no digest", fix=f"give at least {SHORTEST_PREFIX} hex digits of it"
            )
        if len(prefix) == WHOLE_DIGEST:
            return prefix
        found = [path.stem for path in self._folder.glob(f"{prefix}*.json")]
        if len(found) != 1:
            raise UsageError(
                f"{len(found)} experiments start with {prefix}",
                fix="see `fedcmr-client approve --list`; one not seen yet needs all 64 digits",
            )
        return found[0]

    def _file(self, digest: str) -> Path:
        return self._folder / f"{digest}.json"

    def _write(self, approval: Approval) -> None:
        write_atomically(
            self._file(approval.digest), json.dumps(asdict(approval), indent=1).encode()
        )

    def _read(self, path: Path) -> Approval:
        try:
            approval = Approval(**json.loads(path.read_bytes()))
            if approval.digest != path.stem:
                raise ValueError
        except (OSError, ValueError, TypeError):
            raise DataError(
                "an approval cannot be read", where=str(path), fix="delete the file, decide again"
            ) from None
        return approval


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have a number only
        return str(os.getuid())


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
