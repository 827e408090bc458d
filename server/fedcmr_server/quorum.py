"""Who must answer a round for it to count, and how to name those who have not."""

from collections.abc import Collection, Mapping
from typing import Literal

from fedcmr_server.sites import Sites


class Quorum:
    """The sites that a round needs.

    Args:
        quorum: of the experiment.
        sites: of the run.
        excluded: sites that do not train in this run.
    """

    def __init__(
        self, quorum: Literal["all"] | int, sites: Sites, excluded: Collection[str] = ()
    ) -> None:
        self._quorum = quorum
        self._sites = sites
        self._excluded = frozenset(excluded)

    def trains(self, name: str) -> bool:
        """Tell whether a site trains in this run; one that was never seen is taken to."""
        if name in self._excluded:
            return False
        return name not in self._sites.cohorts or self._sites.cohorts[name].role == "train"

    def expected(self) -> list[str]:
        """Return the enrolled sites that train in this run, sorted."""
        return [name for name in self._sites.enrolled() if self.trains(name)]

    def needed(self) -> int:
        """Return how many sites must answer."""
        return max(1, len(self.expected())) if self._quorum == "all" else self._quorum

    def is_met(self, contributed: Collection[str], set_aside: int = 0) -> bool:
        """Tell whether those who answered are enough.

        Args:
            contributed: sites whose updates are good.
            set_aside: sites whose updates were not, and that the strategy need not withstand.
        """
        return len({*contributed} & {*self.expected()}) + set_aside >= self.needed()

    def absence(self, contributed: Collection[str], reasons: Mapping[str, str]) -> dict[str, str]:
        """Return the sites that have not answered, each with the best reason that is known."""
        online, ready = self._sites.online(), self._sites.ready()
        found = {}
        for name in sorted({*self._sites.planned, *self._sites.cohorts, *self._sites.refused}):
            if name in contributed or not self.trains(name):
                continue
            if name in reasons:
                found[name] = reasons[name]
            elif name in self._sites.refused:
                found[name] = self._sites.refused[name]
            elif name not in self._sites.enrolled():
                found[name] = self._sites.link.withdrawn.get(name, "withdrawn")
            elif name not in online:
                found[name] = "not connected"
            else:
                found[name] = "no answer" if name in ready else "no answer to the handshake"
        return found
