"""A TLS-terminating proxy that keeps every byte as it was before TLS, in both directions.

It can read because it holds the coordinator's own key; to the sites it is the coordinator.
"""

import gzip
import io
import ssl
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPException, HTTPResponse, parse_headers
from itertools import chain, repeat
from pathlib import Path
from typing import Any

from flwr.proto.message_pb2 import PullObjectResponse, PushObjectRequest
from flwr.supercore.inflatable.inflatable_object import (
    get_object_children_ids_from_object_content,
    get_object_id,
)

from fedcmr.drill.proxy import Proxy, Seen

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


class Recorder(Proxy):
    """Passes on what it decrypts, encrypted anew, while its context is open."""

    def __init__(self, port: int, pki: Path) -> None:
        inner = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        inner.load_cert_chain(pki / "server.pem", pki / "server.key")
        outer = ssl.create_default_context(cafile=str(pki / "ca.pem"))
        super().__init__("127.0.0.1", port, inner=inner, outer=outer)
        self.exchanges: list[Exchange] = []

    def opened(self) -> tuple[Seen, Seen]:
        """Keep every byte."""
        exchange = Exchange()
        self.exchanges.append(exchange)
        return exchange.sent.extend, exchange.received.extend


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
