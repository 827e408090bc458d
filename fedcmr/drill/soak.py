"""Many sites, many rounds: what a process holds must not grow with them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import psutil
from scipy.stats import theilslopes

from fedcmr.drill.federation import SERVER, Federation
from fedcmr.drill.noise import SMALL, noise_dataset
from fedcmr.drill.process import Process, until
from fedcmr.types import Split

LARGEST_SLOPE_KB = 100.0
"""Of memory, per round: 10 MB in a run of 100 rounds."""
LARGEST_DISK_SLOPE_KB = 2.0
"""Of all folders but the ledgers, per round and site: the history of the run."""
MORE_HANDLES = 3
"""Connections that happen to be open at the moment of counting."""


@dataclass(frozen=True)
class Slope:
    """Growth per round over the second half of the rounds: the first fills caches and pools.

    Theil-Sen: the median of the slopes of all pairs, which a single jump does not move (Sen, JASA
    63, 1968).
    """

    value: float
    low: float
    """Lower end of the 95 % interval."""
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """Fit one value a round."""
        found = theilslopes(values[len(values) // 2 :], alpha=0.95)
        return cls(float(found.slope), float(found.low_slope), float(found.high_slope))

    def is_beyond(self, largest: float) -> bool:
        """Whether there is more growth than allowed, and more than chance makes."""
        return self.value > largest and self.low > 0

    def __str__(self) -> str:
        return f"{self.value:.1f} ({self.low:.1f} to {self.high:.1f})"


@dataclass(frozen=True)
class Held:
    """What one process held in each round."""

    process: str
    memory_mb: tuple[float, ...]
    """Resident, the least of each round: what is on its way comes and goes."""
    handles: tuple[int, ...]
    """Open files and connections at the end of the round."""
    threads: tuple[int, ...]
    children: tuple[int, ...]

    @property
    def slope_kb(self) -> Slope:
        """Growth of memory."""
        return Slope.of([1000 * value for value in self.memory_mb])

    @property
    def is_flat(self) -> bool:
        """Whether it holds as much at the end as before."""
        counts = (self.handles, self.threads, self.children)
        half = len(self.handles) // 2
        return not self.slope_kb.is_beyond(LARGEST_SLOPE_KB) and all(
            np.median(count[half:]) - np.median(count[:half]) <= MORE_HANDLES for count in counts
        )


@dataclass(frozen=True)
class Soak:
    """A run with all of its processes."""

    held: tuple[Held, ...]
    disk_kb: tuple[float, ...]
    """Content of all folders after each round, without logs and ledgers."""
    ledgers_kb: tuple[float, ...]
    """Content of the sites' ledgers, which keep what left."""

    def growing(self) -> list[str]:
        """Return what was not flat."""
        found = [held.process for held in self.held if not held.is_flat]
        sites = len(self.held) - 1
        if Slope.of(self.disk_kb).is_beyond(LARGEST_DISK_SLOPE_KB * sites):
            found.append("disk")
        return found


def soak(folder: Path, sites: int, rounds: int, tell: Callable[[str], None]) -> Soak:
    """Run a federation with a tiny model and look at it after each round.

    Raises:
        CheckFailed: the run did not finish.
    """
    federation = Federation(folder)
    names = [f"site-{number}" for number in range(1, sites + 1)]
    splits: dict[Split, int] = {"train": 4, "validation": 4, "test": 4}
    for seed, name in enumerate(names):
        path = federation.add(name) / "dataset"
        noise_dataset(path, name, splits=splits, seed=seed, preprocessing=SMALL)
    experiment = federation.write(
        {
            "name": "soak",
            "model": {"name": "t_cnn"},
            "preprocessing": SMALL.model_dump(),
            "training": {"learning_rate": 1e-4, "batch_size": 4},
            "federation": {"rounds": rounds, "site_wait_s": 300, "round_deadline_s": 300},
            "evaluation": {"min_class_count": 1},
        }
    )
    with federation.clients(names) as clients, federation.serving(experiment) as server:
        watched = {SERVER: server, **clients}
        samples, disk, ledgers = [], [], []
        for number in range(1, rounds + 1):
            least = _least_until(f"round {number}/{rounds}:", server, watched)
            samples.append(
                {name: (least[name], *_counts(process)) for name, process in watched.items()}
            )
            disk.append(_kilobytes(folder, is_ledger=False))
            ledgers.append(_kilobytes(folder, is_ledger=True))
            if number % 10 == 0:
                tell(f"round {number}: {SERVER} {least[SERVER]:.0f} MB")
        server.ends_with(0)
    return Soak(
        held=tuple(_held(name, [sample[name] for sample in samples]) for name in watched),
        disk_kb=tuple(disk),
        ledgers_kb=tuple(ledgers),
    )


def _least_until(text: str, server: Process, watched: Mapping[str, Process]) -> dict[str, float]:
    least: dict[str, float] = {}

    def look() -> bool:
        for name, process in watched.items():
            if process.code() is None:
                now_mb = psutil.Process(process.pid).memory_info().rss / 1e6
                least[name] = min(now_mb, least.get(name, now_mb))
        return text in server.output() or server.code() is not None

    until(look, f"{SERVER} says {text!r}")
    server.says(text)
    return least


def _counts(process: Process) -> tuple[int, int, int]:
    found = psutil.Process(process.pid)
    with found.oneshot():
        return found.num_fds(), found.num_threads(), len(found.children())


def _held(name: str, samples: Sequence[tuple[float, int, int, int]]) -> Held:
    memory, handles, threads, children = zip(*samples, strict=True)
    return Held(name, memory, handles, threads, children)


def _kilobytes(folder: Path, *, is_ledger: bool) -> float:
    files = (path for path in folder.rglob("*") if path.suffix != ".log")
    return sum(_size(path) for path in files if ("ledger" in path.parts) is is_ledger) / 1000


def _size(path: Path) -> int:
    try:
        return path.stat().st_size if path.is_file() else 0
    except FileNotFoundError:  # a temporary file, gone again
        return 0
