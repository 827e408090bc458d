"""A random process killed at a random moment of a federation, and started again."""

import random
import re
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from fedcmr.drill.federation import SERVER, Federation
from fedcmr.drill.noise import SMALL, noise_dataset
from fedcmr.drill.process import Process, until
from fedcmr.release.layout import PROVENANCE, WEIGHTS
from fedcmr.release.provenance import Provenance
from fedcmr.settings import parse_json
from fedcmr.types import Split

SITES = {"a": 20, "b": 28, "c": 12}
"""Name to studies to train on."""
HOST = "host"
"""All processes at once: a power cut."""
ROUNDS = 3
FINISHED = re.compile(r"round (\d+)/\d+: ")
"""What the coordinator says of a round that counts."""
TRAINED = re.compile(r"round (\d+): trained")
"""What a site says of a round that it has trained to its end."""


@dataclass(frozen=True)
class Crash:
    """One federation and what became of it."""

    seed: int
    victim: str
    phase: int
    """Finished rounds at the moment of the crash, as the coordinator had told."""
    moment_s: float
    """After the beginning of the phase."""
    seconds: float
    """From start to end, with the restart."""
    finished: bool
    lost: int
    """Rounds that the release does not have, or has without one of the sites."""
    twice: int
    """Rounds that the coordinator merged, or a site trained to its end, more than once."""
    identical: bool
    """The weights are those of the undisturbed run, bit for bit."""

    @property
    def passed(self) -> bool:
        """Whether nothing was lost."""
        return self.finished and self.identical and not self.lost and not self.twice


class CrashDrill:
    """Federations of three sites in one folder; the sites serve one after the other."""

    def __init__(self, folder: Path, *, local_epochs: int) -> None:
        self.federation = Federation(folder)
        self._local_epochs = local_epochs
        self._expected = b""
        self._phases_s: list[float] = []
        """From the start to round 1, from there to round 2, ..., to the end."""
        for seed, (name, studies) in enumerate(SITES.items()):
            path = self.federation.add(name) / "dataset"
            splits: dict[Split, int] = {"train": studies, "validation": 4, "test": 4}
            noise_dataset(path, name, splits=splits, seed=seed, preprocessing=SMALL)

    def run(self, seeds: int, tell: Callable[[str], None]) -> list[Crash]:
        """Run one federation undisturbed, then one for each seed with a crash.

        Raises:
            CheckFailed: the undisturbed run did not finish.
        """
        with self.federation.clients(list(SITES)) as clients:
            self.undisturbed()
            lengths = ", ".join(f"{length:.1f}" for length in self._phases_s)
            tell(f"undisturbed run: seconds to each round and to the end {lengths}")
            crashes = []
            for seed in range(seeds):
                crashes.append(self._crash(seed, clients))
                tell(line(crashes[-1]))
        return crashes

    def undisturbed(self) -> bytes:
        """Return the weights file of a run without a fault, which is made once.

        Raises:
            CheckFailed: it did not finish.
        """
        if self._expected:
            return self._expected
        experiment = self.experiment("undisturbed")
        times = [time.monotonic()]
        with self.federation.serving(experiment) as server:
            for phase in range(1, ROUNDS + 1):
                server.says(_mark(phase))
                times.append(time.monotonic())
            server.ends_with(0)
            times.append(time.monotonic())
        self._phases_s = [after - before for before, after in pairwise(times)]
        self._expected = (self.federation.release(experiment) / WEIGHTS).read_bytes()
        return self._expected

    def _crash(self, seed: int, clients: dict[str, Process]) -> Crash:
        chance = random.Random(seed)  # noqa: S311  # a drill, no secret
        victim = chance.choice([SERVER, HOST, *SITES])
        phase = chance.randint(0, ROUNDS)
        moment_s = chance.uniform(0, self._phases_s[phase])
        while (found := self._attempt(seed, victim, phase, moment_s, clients)) is None:
            moment_s /= 2
        return found

    def _attempt(
        self, seed: int, victim: str, phase: int, moment_s: float, clients: dict[str, Process]
    ) -> Crash | None:
        """Return what became of a run; None where it had ended before the moment came.

        Raises:
            CheckFailed: it ended by itself, and not well.
        """
        federation = self.federation
        experiment = self.experiment(f"seed-{seed}-{phase}-{1000 * moment_s:.0f}")
        before = {name: len(federation.log(name)) for name in (SERVER, *SITES)}
        started = time.monotonic()
        server = federation.serve(experiment)
        try:
            if phase:
                server.says(_mark(phase))
            begun = time.monotonic()
            until(
                lambda: time.monotonic() - begun >= moment_s or server.code() is not None,
                "the moment of the crash",
            )
            if server.code() is not None:
                server.ends_with(0)
                return None
            for name in (SERVER, *SITES) if victim == HOST else (victim,):
                (server if name == SERVER else clients[name]).kill()
            for name in SITES if victim == HOST else {victim} & set(SITES):
                clients[name] = federation.client(name)
            if server.code():
                server = federation.serve(experiment)
            until(lambda: server.code() is not None, "the run ends")
        finally:
            server.stop()
        release = federation.release(experiment)
        logs = {name: federation.log(name)[size:] for name, size in before.items()}
        return Crash(
            seed=seed,
            victim=victim,
            phase=phase,
            moment_s=round(moment_s, 2),
            seconds=round(time.monotonic() - started, 1),
            finished=server.code() == 0,
            lost=_lost(release),
            twice=twice(logs),
            identical=_content(release / WEIGHTS) == self._expected,
        )

    def experiment(self, name: str) -> Path:
        """Write the experiment under a name."""
        return self.federation.write(
            {
                "name": name,
                "model": {"name": "t_cnn"},
                "preprocessing": SMALL.model_dump(),
                "training": {
                    "learning_rate": 3e-4,
                    "batch_size": 4,
                    "local_epochs": self._local_epochs,
                },
                "federation": {
                    "rounds": ROUNDS,
                    "site_wait_s": 120,
                    "round_deadline_s": 120,
                    "select": "last",
                },
                "evaluation": {"min_class_count": 1},
            }
        )


def line(crash: Crash) -> str:
    """Return a crash in words."""
    words = [
        "finished" if crash.finished else "NOT FINISHED",
        f"{crash.lost} rounds lost",
        f"{crash.twice} done twice",
        "same weights" if crash.identical else "OTHER WEIGHTS",
    ]
    return (
        f"seed {crash.seed}: {crash.victim} killed {crash.moment_s:.1f} s after "
        f"{f'round {crash.phase}' if crash.phase else 'the start'}: "
        f"{', '.join(words)}, {crash.seconds:.1f} s"
    )


def _mark(phase: int) -> str:
    return f"round {phase}/{ROUNDS}:"


def _lost(release: Path) -> int:
    if not release.exists():
        return ROUNDS
    text = (release / PROVENANCE).read_text(encoding="utf-8")
    found = parse_json(text, Provenance, where=str(release))
    merged = {record.round: set(record.sites) for record in found.history}
    return sum(merged.get(number) != set(SITES) for number in range(1, ROUNDS + 1))


def twice(logs: Mapping[str, str]) -> int:
    """Count what coordinator and sites say that they did again."""
    counts = [Counter(FINISHED.findall(logs[SERVER]))]
    counts += [Counter(TRAINED.findall(logs[name])) for name in SITES]
    return sum(times - 1 for count in counts for times in count.values())


def _content(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""
