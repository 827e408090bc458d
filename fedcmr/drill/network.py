"""Sites that come late, go away and come back; a network that is cut for all of them."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from fedcmr.drill.federation import Federation
from fedcmr.drill.noise import SMALL, noise_dataset
from fedcmr.drill.process import PATIENCE_S
from fedcmr.drill.proxy import Proxy
from fedcmr.errors import CheckFailed
from fedcmr.release.layout import PROVENANCE, WEIGHTS
from fedcmr.release.provenance import Provenance
from fedcmr.settings import parse_json
from fedcmr.types import Split

SITES = tuple(f"site-{number}" for number in range(1, 8))
LATE, AWAY = "site-7", "site-4"
LATE_S = 6.0
ROUNDS = 4
QUORUM = 5
DEADLINE_S = 10.0
"""Of a round that a site is missing from."""
SPARE_S = 60.0
"""By which the deadline of a round exceeds a cut that it must outlast."""
PARTIAL = 7
"""Exit code of a run that a site missed a round of."""


@dataclass(frozen=True)
class Attendance:
    """A site in a release."""

    site: str
    contributed: tuple[int, ...]
    """Rounds."""
    missed: dict[int, str]
    """Round to reason."""

    @property
    def accounted(self) -> bool:
        """Whether every round is one or the other."""
        return sorted((*self.contributed, *self.missed)) == list(range(1, ROUNDS + 1))


@dataclass(frozen=True)
class Cut:
    """A run whose network was cut for all sites in the middle of a round."""

    cut_s: float
    seconds: float
    """Of the whole run."""
    missed: int
    """Rounds that some site missed, over all sites."""
    identical: bool
    """The weights are those of the run without a cut."""


class NetworkDrill:
    """Seven sites, each behind a proxy of its own."""

    def __init__(self, folder: Path) -> None:
        self._federation = Federation(folder)
        self._proxies: dict[str, Proxy] = {}

    @contextmanager
    def open(self) -> Iterator[None]:
        """Make the sites and keep their network up while the context is open."""
        splits: dict[Split, int] = {"train": 4, "validation": 4, "test": 4}
        with ExitStack() as stack:
            for seed, name in enumerate(SITES):
                proxy = stack.enter_context(Proxy("127.0.0.1", self._federation.port))
                self._proxies[name] = proxy
                path = self._federation.add(name, server=proxy.address) / "dataset"
                noise_dataset(path, name, splits=splits, seed=seed, preprocessing=SMALL)
            yield

    def attendance(self) -> list[Attendance]:
        """Start one site late, take another away in the middle, and read the release.

        Raises:
            CheckFailed: the run did not end as PARTIAL, or without a release.
        """
        federation = self._federation
        experiment = self._experiment("late-and-away", deadline_s=DEADLINE_S, quorum=QUORUM)
        with (
            federation.clients([name for name in SITES if name != LATE]) as clients,
            federation.serving(experiment) as server,
        ):
            started = time.monotonic()
            clients[AWAY].says("sent the answer to evaluate")  # round 1 is over
            self._proxies[AWAY].cut()
            time.sleep(max(0.0, started + LATE_S - time.monotonic()))
            clients[LATE] = federation.client(LATE)
            server.says(f"round 2 without {AWAY}:")
            self._proxies[AWAY].mend()
            server.ends_with(PARTIAL)
        found = self._provenance(experiment)
        missed = {
            site.name: {item.round: item.reason for item in site.rounds_missed}
            for site in found.sites
        }
        return [
            Attendance(
                site=name,
                contributed=tuple(row.round for row in found.history if name in row.sites),
                missed=missed.get(name, {}),
            )
            for name in SITES
        ]

    def cuts(self, lengths_s: Sequence[float], tell: Callable[[str], None]) -> list[Cut]:
        """Cut the network of all sites in the middle of a run, once for each length.

        Raises:
            CheckFailed: a run did not finish.
        """
        found: list[Cut] = []
        if not lengths_s:
            return found
        with self._federation.clients(SITES):
            expected = self._cut(0.0, b"")[1]
            for cut_s in lengths_s:
                found.append(self._cut(cut_s, expected)[0])
                tell(cut_line(found[-1]))
        return found

    def _cut(self, cut_s: float, expected: bytes) -> tuple[Cut, bytes]:
        federation = self._federation
        experiment = self._experiment(f"cut-{cut_s:g}-s", deadline_s=cut_s + SPARE_S, quorum="all")
        started = time.monotonic()
        with federation.serving(experiment) as server:
            server.says(f"round 1/{ROUNDS}:")
            if cut_s:
                for proxy in self._proxies.values():
                    proxy.cut()
                time.sleep(cut_s)
                for proxy in self._proxies.values():
                    proxy.mend()
            server.ends_with(0, patience_s=cut_s + PATIENCE_S)
        weights = (federation.release(experiment) / WEIGHTS).read_bytes()
        cut = Cut(
            cut_s=cut_s,
            seconds=round(time.monotonic() - started, 1),
            missed=sum(len(site.rounds_missed) for site in self._provenance(experiment).sites),
            identical=weights == expected,
        )
        return cut, weights

    def _provenance(self, experiment: Path) -> Provenance:
        path = self._federation.release(experiment) / PROVENANCE
        if not path.exists():
            raise CheckFailed("no release", where=self._federation.log().splitlines()[-1])
        return parse_json(path.read_text(encoding="utf-8"), Provenance, where=str(path))

    def _experiment(self, name: str, *, deadline_s: float, quorum: int | str) -> Path:
        return self._federation.write(
            {
                "name": name,
                "model": {"name": "t_cnn"},
                "preprocessing": SMALL.model_dump(),
                "training": {"learning_rate": 1e-3, "batch_size": 4},
                "federation": {
                    "rounds": ROUNDS,
                    "quorum": quorum,
                    "site_wait_s": 600,
                    "round_deadline_s": deadline_s,
                    "select": "last",
                },
                "evaluation": {"min_class_count": 1},
            }
        )


def attendance_line(site: Attendance) -> str:
    """Return a site's part in words."""
    missed = "; ".join(f"missed {number}: {why}" for number, why in site.missed.items())
    return f"{site.site}: contributed to {list(site.contributed)}" + (f"; {missed}" * bool(missed))


def cut_line(cut: Cut) -> str:
    """Return a cut in words."""
    weights = "same weights" if cut.identical else "OTHER WEIGHTS"
    return (
        f"all sites cut off for {cut.cut_s:g} s: finished after {cut.seconds:.1f} s, "
        f"{cut.missed} rounds missed, {weights}"
    )
