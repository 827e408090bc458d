"""Many sites, many rounds: what a process holds must not grow with them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
from scipy.stats import theilslopes

from fedcmr.drill.federation import SERVER, Federation
from fedcmr.drill.noise import SMALL, noise_dataset
from fedcmr.drill.process import Process, until
from fedcmr.types import Split

WARM = 0.2
"""Part of the rounds that is not judged: caches and pools fill up."""
LARGEST_SLOPE_KB = 100.0
"""Of memory, per round: 10 MB in a run of 100 rounds."""
MORE_HANDLES = 3
"""Connections that happen to be open at the moment of counting."""


@dataclass(frozen=True)
class Held:
    """What one process held after each round, the warm-up left out."""

    process: str
    memory_mb: tuple[float, ...]
    """Resident."""
    handles: tuple[int, ...]
    """Open files and connections."""
    threads: tuple[int, ...]
    children: tuple[int, ...]

    @property
    def slope_kb(self) -> float:
        """Growth of memory per round: Theil-Sen, which a single jump does not move."""
        return 1000 * float(theilslopes(self.memory_mb).slope)

    @property
    def is_flat(self) -> bool:
        """Whether it held as much at the end as before."""
        counts = (self.handles, self.threads, self.children)
        half = len(self.handles) // 2
        return self.slope_kb <= LARGEST_SLOPE_KB and all(
            np.median(count[half:]) - np.median(count[:half]) <= MORE_HANDLES for count in counts
        )


@dataclass(frozen=True)
class Soak:
    """A run with all of its processes."""

    rounds: int
    held: tuple[Held, ...]
    disk_kb: tuple[float, ...]
    """Content of all folders after each round, logs left out."""

    @property
    def disk_slope_kb(self) -> float:
        """Growth of the folders per round: the lines of ledgers and history."""
        return float(theilslopes(self.disk_kb).slope)


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
        samples, disk = [], []
        for number in range(1, rounds + 1):
            server.says(f"round {number}/{rounds}:")
            samples.append({name: _sample(process) for name, process in watched.items()})
            disk.append(_kilobytes(folder))
            if number % 10 == 0:
                tell(f"round {number}: {SERVER} {samples[-1][SERVER][0]:.0f} MB")
        until(lambda: server.code() is not None, "the soak ends")
        server.ends_with(0)
    warm = int(WARM * rounds)
    return Soak(
        rounds=rounds,
        held=tuple(_held(name, [sample[name] for sample in samples[warm:]]) for name in watched),
        disk_kb=tuple(disk[warm:]),
    )


def _sample(process: Process) -> tuple[float, int, int, int]:
    found = psutil.Process(process.pid)
    with found.oneshot():
        memory = found.memory_info().rss / 1e6
        return memory, found.num_fds(), found.num_threads(), len(found.children())


def _held(name: str, samples: Sequence[tuple[float, int, int, int]]) -> Held:
    memory, handles, threads, children = zip(*samples, strict=True)
    return Held(name, memory, handles, threads, children)


def _kilobytes(folder: Path) -> float:
    files = (path for path in folder.rglob("*") if path.suffix != ".log")
    return sum(_size(path) for path in files) / 1000


def _size(path: Path) -> int:
    try:
        return path.stat().st_size if path.is_file() else 0
    except FileNotFoundError:  # a temporary file, gone again
        return 0
