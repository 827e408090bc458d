"""One running process with its log."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from fedcmr.drill.warm import start
from fedcmr.errors import CheckFailed

LOOK_S = 0.05
"""Pause between two looks at a log or a process."""
PATIENCE_S = 900.0
"""Longest wait for one event of a drill; machines that run drills may be busy."""


def until(condition: Callable[[], bool], what: str, *, patience_s: float = PATIENCE_S) -> None:
    """Wait for a condition.

    Raises:
        CheckFailed: it did not come true in time.
    """
    deadline = time.monotonic() + patience_s
    while not condition():
        if time.monotonic() > deadline:
            raise CheckFailed(f"{what}: not within {patience_s:g} s")
        time.sleep(LOOK_S)


class Process:
    """A command of this installation, or a module with a `main`, that appends to a log."""

    def __init__(self, program: str, arguments: Sequence[str], log: Path) -> None:
        self._log = log
        self._start = log.stat().st_size if log.exists() else 0
        self._name = log.stem
        self._process = start(program, arguments, log)

    @property
    def pid(self) -> int:
        """Number of the process."""
        assert self._process.pid is not None  # it was started
        return self._process.pid

    def code(self) -> int | None:
        """The exit code; None while it runs, minus the signal after a kill."""
        return self._process.exitcode

    def output(self) -> str:
        """Return what this process has printed so far."""
        if not self._log.exists():
            return ""
        with self._log.open("rb") as file:
            file.seek(self._start)
            return file.read().decode("utf-8", "replace")

    def says(self, text: str, *, patience_s: float = PATIENCE_S) -> str:
        """Wait until the process has printed a text; return all that it printed.

        Raises:
            CheckFailed: it ended, or time did, without it.
        """
        until(
            lambda: text in self.output() or self.code() is not None,
            f"{self._name} says {text!r}",
            patience_s=patience_s,
        )
        found = self.output()
        if text not in found:
            raise CheckFailed(f"{self._name} ended with {self.code()} without {text!r}: {found}")
        return found

    def ends_with(self, code: int, *, patience_s: float = PATIENCE_S) -> None:
        """Wait for the end of the process.

        Raises:
            CheckFailed: it ended with another code, or not at all.
        """
        until(lambda: self.code() is not None, f"{self._name} ends", patience_s=patience_s)
        if self.code() != code:
            last = (self.output().strip().splitlines() or ["no message"])[-1]
            raise CheckFailed(f"{self._name} ended with {self.code()}, not {code}: {last}")

    def kill(self) -> None:
        """End it without giving it a chance to say anything."""
        self._process.kill()
        self._process.join()

    def stop(self) -> None:
        """Ask it to end, and wait until it has; one that does not listen is killed."""
        self._process.terminate()
        self._process.join(60)
        if self.code() is None:
            self.kill()
