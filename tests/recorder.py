"""A TLS-terminating proxy that keeps every byte as it was before TLS, in both directions.

It can read because it holds the coordinator's own key; to the sites it is the coordinator.
"""

import asyncio
import gzip
import io
import ssl
import threading
import zlib
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPException, HTTPResponse, parse_headers
from itertools import chain, repeat
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from flwr.proto.message_pb2 import PullObjectResponse, PushObjectRequest
from flwr.supercore.inflatable.inflatable_object import (
    get_object_children_ids_from_object_content,
    get_object_id,
)

CHUNK = 2**16
DECODERS: dict[str, Callable[[bytes], bytes]] = {
    "identity": bytes,
    "gzip": gzip.decompress,
    "deflate": zlib.decompress,
}


@dataclass
class Exchange:
    """What one connection carried; complete bytes, whatever the segments were."""

    sent: bytearray = field(default_factory=bytearray)
    """By the connecting side."""
    received: bytearray = field(default_factory=bytearray)


class Recorder:
    """Passes on what it decrypts, encrypted anew, while its context is open."""

    def __init__(self, port: int, pki: Path) -> None:
        self._target = port
        self._inner = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._inner.load_cert_chain(pki / "server.pem", pki / "server.key")
        self._outer = ssl.create_default_context(cafile=str(pki / "ca.pem"))
        self.exchanges: list[Exchange] = []
        self.port = 0
        self._open: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="recorder", daemon=True)

    @property
    def address(self) -> str:
        """host:port to connect to."""
        return f"127.0.0.1:{self.port}"

    def cut(self) -> None:
        """Break every connection; new ones are accepted."""
        self._do(self._break())

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
        self._loop.call_soon_threadsafe(self._server.close)
        self.cut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _break(self) -> None:
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._connect(reader, writer))
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends, exchange = [writer], Exchange()
        self.exchanges.append(exchange)
        try:
            with suppress(OSError):
                far_reader, far_writer = await asyncio.open_connection(
                    "127.0.0.1", self._target, ssl=self._outer
                )
                ends.append(far_writer)
                ways = (
                    asyncio.create_task(_forward(reader, far_writer, exchange.sent)),
                    asyncio.create_task(_forward(far_reader, writer, exchange.received)),
                )
                # TLS over asyncio has no half-closed state: where one side ends, both do.
                _, left = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
                for way in left:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
        finally:
            for end in ends:
                end.transport.abort()


async def _forward(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, record: bytearray
) -> None:
    while chunk := await reader.read(CHUNK):
        record.extend(chunk)
        writer.write(chunk)
        await writer.drain()


def contents(exchanges: list[Exchange]) -> list[tuple[str, bytes]]:
    """Return what a capture holds and where: heads, decoded bodies, objects, and whole arrays.

    The same content comes once: weights travel again with every question.

    Raises:
        KeyError: a body has an encoding that this reader does not know.
    """
    found: dict[bytes, str] = {}
    objects: dict[str, bytes] = {}
    for number, exchange in enumerate(exchanges):
        paths = []
        for head, body in requests(bytes(exchange.sent)):
            path = head.split()[1].decode() if head.split()[1:] else ""
            paths.append(path)
            found[head], found[body] = f"{number}: head of {path}", f"{number}: body of {path}"
            if path.endswith("/push-object"):
                content = PushObjectRequest.FromString(body).object_content
                objects[get_object_id(content)] = content
        answers = responses(bytes(exchange.received))
        for path, (head, body) in zip(chain(paths, repeat("")), answers, strict=False):
            found[head], found[body] = f"{number}: head to {path}", f"{number}: answer to {path}"
            if path.endswith("/pull-object"):
                content = PullObjectResponse.FromString(body).object_content
                objects[get_object_id(content)] = content
    for name, content in objects.items():
        found[content] = f"object {name[:12]}"
        with suppress(ValueError):
            parts = get_object_children_ids_from_object_content(content)
            whole = b"".join(objects.get(part, b"").partition(b"\0")[2] for part in parts)
            found[whole] = f"object {name[:12]}, its parts in order"
    return [(name, content) for content, name in found.items()]


def requests(stream: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield head and decoded body of every request; the last may have been cut off."""
    file = io.BytesIO(stream)
    while (start := file.tell()) < len(stream):
        file.readline()
        headers = parse_headers(file)
        head = stream[start : file.tell()]
        yield head, decoded(headers, file.read(int(headers.get("content-length", "0"))))


def responses(stream: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield head and decoded body of every response; chunks of a body are joined."""
    file = io.BytesIO(stream)
    while (start := file.tell()) < len(stream):
        response = HTTPResponse(_Socket(file))
        try:
            response.begin()
            head = stream[start : file.tell()]
            yield head, decoded(response.headers, response.read())
        except HTTPException:  # cut off
            yield stream[start:], b""
            return


class _Socket:
    """What HTTPResponse asks for: a file, which it must not close."""

    def __init__(self, file: io.BytesIO) -> None:
        self._file = file

    def makefile(self, mode: str) -> "_Kept":
        return _Kept(self._file)


class _Kept:
    def __init__(self, file: io.BytesIO) -> None:
        self._file = file

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def close(self) -> None:
        pass


def decoded(headers: Any, body: bytes) -> bytes:
    """Return a body as its sender wrote it."""
    return DECODERS[headers.get("content-encoding", "identity").lower()](body) if body else body
