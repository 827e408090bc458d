"""A network that can fail: a TCP proxy between a site and its coordinator."""

import asyncio
import ssl
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

CHUNK = 2**16
"""Bytes that are passed on at once."""

Seen = Callable[[bytes], None]


class Proxy:
    """Passes bytes on to `host:port` while its context is open; its own thread does the work.

    It alters nothing. Without the contexts TLS goes through it unread.

    Args:
        host: to connect to.
        port: to connect to.
        inner: TLS towards the connecting side.
        outer: TLS towards the target.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        inner: ssl.SSLContext | None = None,
        outer: ssl.SSLContext | None = None,
    ) -> None:
        self._target = host, port
        self._inner, self._outer = inner, outer
        self.port = 0
        """Where it listens, on the loopback interface."""
        self.sent = 0
        """Bytes from the connecting side to the target."""
        self.received = 0
        """Bytes from the target to the connecting side."""
        self.delay_s = 0.0
        """Added to every CHUNK in each direction."""
        self._reachable = True
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._connections: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)

    @property
    def address(self) -> str:
        """host:port to connect to."""
        return f"127.0.0.1:{self.port}"

    def cut(self) -> None:
        """Break every connection and refuse new ones, until `mend`."""
        self._do(self._break())

    def pause(self) -> None:
        """Swallow nothing and pass nothing on: connections stay open and silent until `mend`."""
        self._call(self._flowing.clear)

    def mend(self) -> None:
        """Let everything through again."""
        self._reachable = True
        self._call(self._flowing.set)

    def opened(self) -> tuple[Seen, Seen]:
        """Return what is told each chunk of a new connection: from the connecting side, to it."""
        return self._count_sent, self._count_received

    def __enter__(self) -> Self:
        self._thread.start()
        serving = asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self._inner)
        self._server = self._do(serving)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._call(self._server.close)
        self.cut()
        self._call(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _call(self, function: Callable[[], object]) -> None:
        self._loop.call_soon_threadsafe(function)

    async def _break(self) -> None:
        self._reachable = False
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._reachable:
            writer.transport.abort()
            return
        task = asyncio.create_task(self._connect(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends, (sent, received) = [writer], self.opened()
        try:
            with suppress(OSError):
                far_reader, far_writer = await asyncio.open_connection(
                    *self._target, ssl=self._outer
                )
                ends.append(far_writer)
                await asyncio.gather(
                    self._forward(reader, far_writer, sent),
                    self._forward(far_reader, writer, received),
                )
        finally:
            for end in ends:
                end.transport.abort()

    async def _forward(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: Seen
    ) -> None:
        while chunk := await reader.read(CHUNK):
            await asyncio.sleep(self.delay_s)
            await self._flowing.wait()
            writer.write(chunk)
            await writer.drain()
            seen(chunk)
        if not writer.can_write_eof():
            raise ConnectionResetError  # TLS has no half-closed state: where one side ends, both do
        writer.write_eof()

    def _count_sent(self, chunk: bytes) -> None:
        self.sent += len(chunk)

    def _count_received(self, chunk: bytes) -> None:
        self.received += len(chunk)
