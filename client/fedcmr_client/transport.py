"""HTTP/1.1 over TLS by the standard library, for bodies of many MB.

httpx reads a body in records of TLS and passes each through four layers: a model of 176 MB costs a
second of CPU. Here a body is read into one buffer.
"""

import select
import ssl
from collections.abc import Iterator
from http.client import HTTPException, HTTPSConnection
from queue import Empty, LifoQueue

import httpx

HEARTBEAT = "/send-node-heartbeat"
"""How the path of a heartbeat ends."""

PIECE = 2**17
"""Bytes that have the whole time-out to leave: a slow line must not fail by the size of a body."""


class Transport(httpx.BaseTransport):
    """What httpx needs of a network, for one host."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        self._idle: dict[bool, LifoQueue[HTTPSConnection]] = {True: LifoQueue(), False: LifoQueue()}
        """Connections that are not in use; True of heartbeats, False of all else."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and return the whole response.

        Raises:
            httpx.TransportError: it did not work out.
        """
        # A heartbeat has a connection of its own: it never waits for one, nor makes one mid-run.
        idle = self._idle[request.url.path.endswith(HEARTBEAT)]
        connection = self._connection(request, idle)
        try:
            connection.request(
                request.method,
                request.url.raw_path.decode("ascii"),
                _pieces(request.read()),
                dict(request.headers),
            )
            response = connection.getresponse()
            content = response.read()
        except TimeoutError as error:
            connection.close()
            raise httpx.ReadTimeout(str(error), request=request) from error
        except (OSError, HTTPException) as error:
            connection.close()
            raise httpx.NetworkError(str(error), request=request) from error
        if response.will_close:
            connection.close()
        else:
            idle.put(connection)
        return httpx.Response(response.status, headers=response.getheaders(), content=content)

    def close(self) -> None:
        """Close the connections that are not in use."""
        for idle in self._idle.values():
            while (connection := _taken(idle)) is not None:
                connection.close()

    def _connection(
        self, request: httpx.Request, idle: LifoQueue[HTTPSConnection]
    ) -> HTTPSConnection:
        """Return an open connection that the other side has not closed, or a new one."""
        timeout = request.extensions["timeout"]["read"]
        while (connection := _taken(idle)) is not None:
            if connection.sock is not None and not select.select([connection.sock], [], [], 0)[0]:
                connection.sock.settimeout(timeout)
                return connection
            connection.close()
        url = request.url
        return HTTPSConnection(
            url.host, url.port or 443, timeout=timeout, context=self._context, blocksize=2**20
        )


def _taken(idle: LifoQueue[HTTPSConnection]) -> HTTPSConnection | None:
    try:
        return idle.get_nowait()
    except Empty:
        return None


def _pieces(body: bytes) -> Iterator[memoryview]:
    view = memoryview(body)
    return (view[start : start + PIECE] for start in range(0, len(view), PIECE))
