"""Questions for messages that are held until there is one: no site needs to ask again and again."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

LONGEST_S = 20.0
"""Firewalls forget connections on which nothing moves for a minute or less."""


def wait_of(prefer: str) -> float:
    """Return for how many seconds a client prefers to wait (RFC 7240); 0 where it does not say."""
    name, _, value = prefer.partition("=")
    if name.strip() != "wait" or not (value.isascii() and value.isdigit()):
        return 0.0
    return min(float(value[:9]), LONGEST_S)


class Waiting:
    """Who waits for a message; filled by the event loop, rung by any thread."""

    def __init__(self) -> None:
        self._bells: dict[int, tuple[asyncio.AbstractEventLoop, asyncio.Event]] = {}
        self._is_over = False

    async def until(self, node: int, is_there: Callable[[], bool], wait_s: float) -> None:
        """Return when there is something for a node, or after some seconds."""
        bell = asyncio.get_running_loop(), asyncio.Event()
        self._bells[node] = bell  # first the bell, then the look: nothing is missed in between
        try:
            if not (self._is_over or is_there()):
                with suppress(TimeoutError):
                    await asyncio.wait_for(bell[1].wait(), wait_s)
        finally:
            if self._bells.get(node) is bell:
                del self._bells[node]

    def ring(self, node: int) -> None:
        """Tell a node that there is something for it."""
        if bell := self._bells.get(node):
            loop, event = bell
            loop.call_soon_threadsafe(event.set)

    def end(self) -> None:
        """Let everybody go, and nobody wait any more."""
        self._is_over = True
        for node in list(self._bells):
            self.ring(node)
