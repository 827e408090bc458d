"""The listening socket: whoever does not soon prove to be an enrolled site is shown out.

A connection costs memory and a file descriptor from the moment it is accepted, before TLS has said
a word. Strangers share a small number of places that are freed again after a few seconds; when all
are taken, the one who has been there longest goes. A site needs its place for the time of a TLS
handshake only, so strangers who hold theirs cannot keep it out.
"""

import asyncio
import socket
from contextlib import suppress

PROOF_S = 10.0
"""From the connection to the end of the head of a signed request."""

MOST_STRANGERS = 128

MOST_PER_SITE = 32
"""Connections of one enrolled site; its client uses fewer than ten."""

Address = tuple[str, int]


class Door(socket.socket):
    """A listening TCP socket that knows its strangers from its sites; of one event loop."""

    def __init__(self, listener: socket.socket) -> None:
        super().__init__(listener.family, listener.type, listener.proto, listener.detach())
        self._strangers: dict[Address, socket.socket] = {}
        self._sites: dict[int, dict[Address, socket.socket]] = {}

    def accept(self) -> tuple[socket.socket, Address]:
        """Let a stranger in, for PROOF_S seconds."""
        connection, whole = super().accept()
        address = (str(whole[0]), int(whole[1]))
        _add(self._strangers, address, connection, MOST_STRANGERS)
        asyncio.get_running_loop().call_later(PROOF_S, self._time_is_up, address, connection)
        return connection, whole

    def proven(self, address: Address, node: int) -> None:
        """Note that this connection is of an enrolled site."""
        if connection := self._strangers.pop(address, None):
            _add(self._sites.setdefault(node, {}), address, connection, MOST_PER_SITE)

    def _time_is_up(self, address: Address, connection: socket.socket) -> None:
        if self._strangers.get(address) is connection:
            _show_out(self._strangers.pop(address))


def _add(
    group: dict[Address, socket.socket], address: Address, connection: socket.socket, most: int
) -> None:
    """Add a connection; where there are too many, the one that came first goes."""
    group[address] = connection
    if len(group) > most:
        for gone in [key for key, member in group.items() if member.fileno() == -1]:
            del group[gone]
    while len(group) > most:
        _show_out(group.pop(next(iter(group))))


def _show_out(connection: socket.socket) -> None:
    # The event loop owns the connection; it closes it when it finds that nothing more comes.
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
