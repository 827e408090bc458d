"""A disk that is full in the middle of a run: at a site, and at the coordinator."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import psutil

from fedcmr.drill.crash import SITES, CrashDrill
from fedcmr.drill.federation import SERVER
from fedcmr.drill.process import Process, until
from fedcmr.release.layout import WEIGHTS

LIMIT_BYTES = 1_000_000
"""Logs and ledgers go on, a file or a part of weights does not: they are longer."""
LINES = {
    SERVER: "error: cannot write: File too large",
    "b": "refused train: cannot write: File too large",
}
"""What the victim says."""


@dataclass(frozen=True)
class DiskFull:
    """A run whose coordinator, or one of whose sites, could write no weights for a while."""

    victim: str
    said: str
    """The victim's line."""
    finished: bool
    identical: bool
    """The weights are those of the undisturbed run, bit for bit."""
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether there was one clear line and nothing was lost."""
        return LINES[self.victim] in self.said and self.finished and self.identical


def fill_disks(drill: CrashDrill, tell: Callable[[str], None]) -> list[DiskFull]:
    """Let the writing of the coordinator fail in one run, of a site in another.

    Raises:
        CheckFailed: the victim did not notice, or the undisturbed run did not finish.
    """
    found = []
    with drill.federation.clients(list(SITES)) as clients:
        expected = drill.undisturbed()
        for victim in LINES:
            found.append(_run(drill, victim, clients, expected))
            tell(f"disk of {victim} full: {found[-1].said}; {outcome(found[-1])}")
    return found


def outcome(full: DiskFull) -> str:
    """Return in words what became of the run."""
    finished = "finished" if full.finished else "NOT FINISHED"
    return f"{finished}, {'same weights' if full.identical else 'OTHER WEIGHTS'}"


def _run(drill: CrashDrill, victim: str, clients: dict[str, Process], expected: bytes) -> DiskFull:
    federation, started = drill.federation, time.monotonic()
    experiment = drill.experiment(f"disk-of-{victim}-full")
    server = federation.serve(experiment)
    try:
        server.says("listening on")
        filled = server if victim == SERVER else clients[victim]
        psutil.Process(filled.pid).rlimit(psutil.RLIMIT_FSIZE, (LIMIT_BYTES, LIMIT_BYTES))
        filled.says(LINES[victim])
        if victim == SERVER:
            until(lambda: server.code() is not None, "the coordinator ends")
            server = federation.serve(experiment)
        else:
            filled.stop()
            clients[victim] = federation.client(victim)
        until(lambda: server.code() is not None, "the run ends")
    finally:
        server.stop()
    said = next(line for line in filled.output().splitlines() if LINES[victim] in line)
    release = federation.release(experiment) / WEIGHTS
    return DiskFull(
        victim=victim,
        said=said[said.find("refused") :] if "refused" in said else said,
        finished=server.code() == 0,
        identical=release.exists() and release.read_bytes() == expected,
        seconds=round(time.monotonic() - started, 1),
    )
