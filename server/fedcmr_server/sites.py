"""Who is there, and who has accepted the experiment over the connection that is open."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from flwr.app import ConfigRecord, RecordDict

from fedcmr.federation import messages as wire
from fedcmr.federation.cohort import Cohort
from fedcmr.types import FloatArray
from fedcmr_server.link import FleetLink
from fedcmr_server.parcel import Parcel, Sent
from fedcmr_server.replies import Unusable, read_cohort
from fedcmr_server.reply import Reply

log = logging.getLogger("fedcmr")

HANDSHAKE_S = 120.0
"""A round does not wait longer for the handshake of a site that is not needed for the quorum."""

RETURN_S = 60.0
"""After a restart of the coordinator sites come back in turn, within half a minute."""

YEAR_S = 365 * 86_400.0
"""A reply counts as long as anybody waits for it."""


class Sites:
    """The sites of one experiment; every new connection of a site begins with a handshake.

    Args:
        link: to the sites.
        admit: called often; lets newly enrolled sites connect and withdraws others.
        config: what every message carries.
        cohorts: what each site told last.
        refused: site to the reason why its last handshake failed.
    """

    def __init__(
        self,
        link: FleetLink,
        admit: Callable[[FleetLink], None],
        config: Mapping[str, str],
        cohorts: Mapping[str, Cohort],
        refused: Mapping[str, str],
    ) -> None:
        self.link = link
        self.admit = admit
        self._config = dict(config)
        self.cohorts = dict(cohorts)
        self.refused = dict(refused)
        self._returning = set(cohorts)
        self._opened = time.monotonic()
        self.is_closed = False
        """No site that is not known by now may join."""
        self._greetings: dict[str, tuple[Sent, float]] = {}
        self._greeted: dict[str, int] = {}
        self._accepted: dict[str, int] = {}
        self.planned: set[str] = set()
        """Every site that was enrolled at some time while this run met its sites."""
        self.doing: dict[str, str] = {}
        """Site to what it has been asked, for the status."""

    def enrolled(self) -> list[str]:
        """Return the sites that may connect, sorted."""
        return self.link.enrolled()

    def online(self) -> list[str]:
        """Return the sites that are connected now, sorted."""
        return self.link.online()

    def ready(self) -> list[str]:
        """Return who is connected and has accepted the experiment over that connection, sorted."""
        return [
            name for name in self.online() if self._accepted.get(name) == self.link.connection(name)
        ]

    def has_come_back(self, name: str, connection: int) -> bool:
        """Tell whether a site was greeted over another connection than this one."""
        return self._greeted[name] != connection

    def is_greeting(self) -> bool:
        """Tell whether a site may accept in a moment: it is there, or about to come back."""
        online, now = self.online(), time.monotonic()
        if now - self._opened < RETURN_S and self._returning & {*self.enrolled()}:
            return True
        return any(
            name in online and now - since < HANDSHAKE_S
            for name, (_, since) in self._greetings.items()
        )

    def meet(self) -> None:
        """Admit sites, send a handshake over every new connection and read what has come back."""
        self.admit(self.link)
        self.planned |= {*self.enrolled()}
        for name in self.online():
            connection = self.link.connection(name)
            if self._greeted.get(name) != connection:
                self._greet(name)
                self._greeted[name] = connection
                self._returning.discard(name)
        for name, (sent, _) in list(self._greetings.items()):
            reply = self.link.answer(sent)
            if reply is not None:
                del self._greetings[name]
                self.link.forget(sent)
                self._hear(name, sent.connection, reply)

    def _greet(self, name: str) -> None:
        if name in self._greetings:
            self.link.forget(self._greetings.pop(name)[0])
        with self.content({}) as parcel:
            sent = self.link.send(name, parcel, wire.HANDSHAKE, ttl_s=YEAR_S)
        self._greetings[name] = sent, time.monotonic()

    def _hear(self, name: str, connection: int, reply: Reply) -> None:
        try:
            cohort = read_cohort(reply)
            if self.is_closed and name not in self.cohorts:
                raise Unusable("came after round 1, and this experiment has late_join: no")
        except Unusable as error:
            if self.refused.get(name) != str(error):
                log.warning("%s does not take part: %s", name, error)
            self.refused[name] = str(error)
            return
        if self.cohorts.get(name) != cohort or name in self.refused:
            log.info(
                "%s takes part with %d samples%s",
                name,
                cohort.train,
                "" if cohort.role == "train" else " to train on: it validates only",
            )
        self.cohorts[name] = cohort
        self.refused.pop(name, None)
        self._accepted[name] = connection

    @contextmanager
    def content(self, arrays: Mapping[str, FloatArray], **config: str | int) -> Iterator[Parcel]:
        """Keep a question for `ask` while the context is open.

        Args:
            arrays: weight vectors (P,) by name, which must not change; no copy stays in memory.
            config: what the configuration says besides the experiment.
        """
        parcel = self.link.keep(self._records(arrays, config))
        try:
            yield parcel
        finally:
            self.link.drop(parcel)

    def _records(
        self, arrays: Mapping[str, FloatArray], config: Mapping[str, str | int]
    ) -> RecordDict:
        records = RecordDict({wire.CONFIG: ConfigRecord({**self._config, **config})})
        if arrays:
            records[wire.ARRAYS] = self.link.shelf.arrays(arrays)
        return records
