"""A question to the sites, and their replies as they are complete."""

import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field

from fedcmr_server.parcel import Parcel, Sent
from fedcmr_server.reply import Reply
from fedcmr_server.sites import YEAR_S, Sites

LOOK_S = 0.05
"""Pause between two looks at what is in memory; no network traffic is involved."""


@dataclass
class Exchange:
    """Asks every site that is ready, or becomes so, and again over a new connection.

    It is over when it is enough and nobody who was asked is awaited, or the deadline has passed.
    Where it is not enough, it is over when nothing has happened for the patience after that.
    """

    sites: Sites
    parcel: Parcel
    kind: str
    wanted: Callable[[str], bool]
    """Whether a site is to be asked."""
    is_enough: Callable[[], bool]
    """Whether the replies so far suffice."""
    deadline_s: float
    """For how long sites that were asked are waited for, from when the last one was asked for the
    first time while it was not enough, or was back after a restart."""
    patience_s: float
    """For how long sites that are not there are waited for."""
    holds: bool = True
    """A site that was asked and went away is waited for, up to the deadline."""
    looked: Callable[[bool], None] = lambda is_waiting: None
    """Called at every look; told whether it is not enough and nobody is awaited."""
    before: Collection[str] = ()
    """Sites that were asked before a restart: they may be at it still, without a connection."""
    elapsed_s: float = 0.0
    """Of the deadline, before the restart."""
    noted: Callable[[Collection[str], float], None] = lambda names, elapsed_s: None
    """Told who has been asked and how much of the deadline has gone by, when somebody was added."""
    answered: dict[str, int] = field(default_factory=dict)
    """Site to the connection over which it has answered."""
    _asked: set[str] = field(default_factory=set)
    _pending: dict[str, Sent] = field(default_factory=dict)
    _start: float = 0.0
    _return_by: float = 0.0
    """When the time is over of those who were asked before a restart and have not come back."""
    _idle_since: float | None = None

    def replies(self) -> Iterator[tuple[str, Reply]]:
        """Yield the replies; who was asked in vain gets one that says so.

        Raises:
            DataError: the disk could not take what a site sent.
        """
        link = self.sites.link
        self._start, self._idle_since = time.monotonic() - self.elapsed_s, None
        self._return_by = self._start + self.deadline_s
        self.elapsed_s = 0.0
        try:
            while True:
                self.sites.meet()
                self._ask()
                for name, sent in [*self._pending.items()]:
                    reply = link.answer(sent)
                    if reply is not None:
                        self._idle_since = None
                        self.answered[name] = sent.connection
                        self.sites.doing.pop(name, None)
                        yield name, reply
                        link.forget(self._pending.pop(name))
                if self._is_over():
                    break
                self.looked(self._idle_since is not None)
                time.sleep(LOOK_S)
            for name in self._pending:
                yield (
                    name,
                    Reply(refusal=f"no answer within {time.monotonic() - self._start:.0f} s"),
                )
        finally:
            self.sites.doing.clear()
            for sent in self._pending.values():
                link.forget(sent)
            self._pending.clear()

    def _ask(self) -> None:
        link, enrolled, known = self.sites.link, self.sites.enrolled(), len(self._asked)
        for name, sent in [*self._pending.items()]:
            # A site that came back has lost the message; it is asked again once it has accepted.
            if name not in enrolled or self.sites.has_come_back(name, sent.connection):
                link.forget(self._pending.pop(name))
        for name in self.sites.ready():
            is_new = self.answered.get(name) != link.connection(name)
            if is_new and name not in self._pending and self.wanted(name):
                self._pending[name] = link.send(name, self.parcel, self.kind, ttl_s=YEAR_S)
                self.sites.doing[name] = self.kind
                # A site that comes back again and again must not keep the round open for ever.
                if name not in self._asked and (name in self.before or not self.is_enough()):
                    self._start = time.monotonic()
                self._asked.add(name)
        if len(self._asked) > known:
            self.noted(self._asked | {*self.before}, time.monotonic() - self._start)

    def _is_over(self) -> bool:
        now, online = time.monotonic(), self.sites.online()
        is_awaited = any(self.holds or name in online for name in self._pending)
        is_returning = now <= self._return_by and any(map(self._may_return, self.before))
        is_expected = is_awaited or self.sites.is_greeting()
        if is_returning or (is_expected and now - self._start <= self.deadline_s):
            self._idle_since = None
            return False
        if self.is_enough():
            return True
        self._idle_since = self._idle_since or now
        return now - self._idle_since > self.patience_s

    def _may_return(self, name: str) -> bool:
        is_out = name in self.sites.refused or name not in self.sites.enrolled()
        return not is_out and name not in self.answered and self.wanted(name)
