"""Many sites, many rounds: what a process holds must not grow with them."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

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
ALL_SITES = "a site"
"""Stands for the mean of the sites, which run the same program: each of them goes up and down by
some weights that its allocator holds, so that one alone would need hundreds of rounds."""
DISK, LEDGERS = "disk", "ledgers"


@dataclass(frozen=True)
class Slope:
    """Growth per round by Theil-Sen: the median of the slopes of all pairs (Sen, JASA 63, 1968).

    A single jump does not move it.
    """

    value: float
    low: float
    """Lower end of the 95 % interval."""
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """Fit one value a round."""
        found = theilslopes(values, alpha=0.95)
        return cls(float(found.slope), float(found.low_slope), float(found.high_slope))

    def is_shown(self, largest: float) -> bool:
        """Whether growth is no larger than this; a slope that is not known well enough may be."""
        return self.high <= largest

    def __str__(self) -> str:
        return f"{self.value:.1f} ({self.low:.1f} to {self.high:.1f})"


def later(values: Sequence[float]) -> Sequence[float]:
    """Return the second half of the rounds: the first fills caches and pools."""
    return values[len(values) // 2 :]


@dataclass(frozen=True)
class Held:
    """What one process held in each round."""

    process: str
    memory_mb: tuple[float, ...]
    """Resident but for pages of files, which the system takes back when it needs them; the least
    of each round: what is on its way comes and goes."""
    handles: tuple[int, ...]
    """Open files and connections at the end of the round."""
    threads: tuple[int, ...]
    children: tuple[int, ...]

    @property
    def slope_kb(self) -> Slope:
        """Growth of memory."""
        return Slope.of([1000 * value for value in later(self.memory_mb)])

    def growing(self) -> list[str]:
        """Return what there is more of in the later rounds."""
        counts = {"handles": self.handles, "threads": self.threads, "children": self.children}
        return [name for name, count in counts.items() if Slope.of(later(count)).low > 0]


@dataclass(frozen=True)
class Soak:
    """A run with all of its processes."""

    held: tuple[Held, ...]
    """First the coordinator."""
    disk_kb: tuple[float, ...]
    """Content of all folders, the least of each round, without logs and ledgers."""
    ledgers_kb: tuple[float, ...]
    """Content of the sites' ledgers, which keep what left."""

    def memory_kb(self) -> dict[str, Slope]:
        """Return the growth that is judged: of the coordinator, and of a site on average."""
        sites = [held.memory_mb for held in self.held[1:]]
        mean = [1000 * sum(values) / len(sites) for values in zip(*sites, strict=True)]
        return {SERVER: self.held[0].slope_kb, ALL_SITES: Slope.of(later(mean))}

    def growing(self, largest_kb: float = LARGEST_SLOPE_KB) -> list[str]:
        """Return what was not shown to be flat.

        Args:
            largest_kb: of memory, per round; in few rounds only large growth can be told.
        """
        found = [f"{held.process}: {name}" for held in self.held for name in held.growing()]
        found += [
            f"{name}: memory"
            for name, slope in self.memory_kb().items()
            if not slope.is_shown(largest_kb)
        ]
        # the mean over ten sites hides the leak of one
        found += [f"{it.process}: memory" for it in self.held[1:] if it.slope_kb.low > largest_kb]
        if not Slope.of(later(self.disk_kb)).is_shown(LARGEST_DISK_SLOPE_KB * (len(self.held) - 1)):
            found.append(DISK)
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
            least = _least_until(f"round {number}/{rounds}:", watched, folder)
            samples.append(
                {name: (least[name], *_counts(process)) for name, process in watched.items()}
            )
            disk.append(least[DISK])
            ledgers.append(least[LEDGERS])
            if number % 10 == 0:
                tell(f"round {number}: {SERVER} {least[SERVER]:.0f} MB")
        server.ends_with(0)
    return Soak(
        held=tuple(_held(name, [sample[name] for sample in samples]) for name in watched),
        disk_kb=tuple(disk),
        ledgers_kb=tuple(ledgers),
    )


def _least_until(text: str, watched: Mapping[str, Process], folder: Path) -> dict[str, float]:
    server, least = watched[SERVER], dict[str, float]()

    def look() -> bool:
        for name, now in _now(watched, folder):
            least[name] = min(now, least.get(name, now))
        return text in server.output() or server.code() is not None

    until(look, f"{SERVER} says {text!r}")
    server.says(text)
    return least


def _now(watched: Mapping[str, Process], folder: Path) -> Iterator[tuple[str, float]]:
    for name, process in watched.items():
        if process.code() is None:
            memory = psutil.Process(process.pid).memory_info()
            yield name, (memory.rss - memory.shared) / 1e6
    yield from zip((DISK, LEDGERS), _kilobytes(folder), strict=True)


def _counts(process: Process) -> tuple[int, int, int]:
    found = psutil.Process(process.pid)
    with found.oneshot():
        return found.num_fds(), found.num_threads(), len(found.children())


def _held(name: str, samples: Sequence[tuple[float, int, int, int]]) -> Held:
    memory, handles, threads, children = zip(*samples, strict=True)
    return Held(name, memory, handles, threads, children)


def _kilobytes(folder: Path) -> tuple[float, float]:
    """Return the content without logs and ledgers, and that of the ledgers."""
    content = ledgers = 0
    for path, _, names in os.walk(folder):  # it passes over a folder that is gone again
        for name in names:
            if Path(path).name == "ledger":
                ledgers += _size(Path(path, name))
            elif not name.endswith(".log"):
                content += _size(Path(path, name))
    return content / 1000, ledgers / 1000


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # a temporary file, gone again
        return 0
