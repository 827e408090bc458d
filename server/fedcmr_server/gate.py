"""What a request must show before a byte of its body is read, and how its body is then read."""

import asyncio
import binascii
import datetime as dt
from base64 import b64decode
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext

from flwr.common.constant import SYSTEM_TIME_TOLERANCE, TIMESTAMP_HEADER, TIMESTAMP_TOLERANCE
from flwr.server.superlink.linkstate import LinkStateFactory
from flwr.supercore.constant import FLEET_HTTP_PUBLIC_KEY_HEADER, FLEET_HTTP_SIGNATURE_HEADER
from flwr.supercore.primitives.asymmetric import bytes_to_public_key, verify_signature
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fedcmr import __version__
from fedcmr.federation.messages import VERSION_HEADER
from fedcmr_server.door import Door
from fedcmr_server.transfer import NODE

FLEET = "/v1/fleet/"

LARGEST_REQUEST = 8 * 2**20
"""Bytes of one request; sites upload arrays in parts of 4 MiB."""

SMALL_REQUEST = 2**18
"""Bytes of a request that needs no place among the uploads."""

UPLOADS_PER_SITE = 2
"""Large bodies of one site that are in memory at once; the others wait unread in the network."""

ANSWERED_AT_ONCE = 4
"""Large bodies that are checked and written at once."""

MOST_ROOMS = 6
"""As many large bodies stay in memory when they were answered, to be written over."""

STALL_S = 30.0
"""A body that does not go on for so long is given up."""


class Gate:
    """Only signed requests of enrolled sites pass, whole and in turn."""

    def __init__(self, app: ASGIApp, states: LinkStateFactory, door: Door) -> None:
        self._app = app
        self._states = states
        self._door = door
        self._uploads: dict[int, asyncio.Semaphore] = defaultdict(
            lambda: asyncio.Semaphore(UPLOADS_PER_SITE)
        )
        self._answering = asyncio.Semaphore(ANSWERED_AT_ONCE)
        self._rooms: list[bytearray] = []
        """For large bodies, again and again: new pages of memory cost more than what goes in."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer 404, 403, 401, 411, 413 or 408."""
        if scope["type"] != "http":
            return
        headers = Headers(scope=scope)
        node = self._node(headers)
        status = self._refusal(scope["path"], headers, node)
        if status or node is None:
            await _refuse(status, scope, receive, send)
            return
        self._door.proven(tuple(scope["client"]), node)
        scope[NODE] = node
        length = int(headers["content-length"])
        is_small = length <= SMALL_REQUEST
        async with _turn(self._uploads[node], is_small), self._room(length, is_small) as room:
            try:
                body = await _read(receive, memoryview(room)[:length])
            except TimeoutError:
                await _refuse(408, scope, receive, send)
                return
            if body is not None:
                async with _turn(self._answering, is_small):
                    await self._app(scope, _once(body, receive), _telling_version(send))

    @asynccontextmanager
    async def _room(self, length: int, is_small: bool) -> AsyncIterator[bytearray]:
        if is_small:
            yield bytearray(length)
            return
        room = self._rooms.pop() if self._rooms else bytearray()
        if len(room) < length:
            room = bytearray(length)
        try:
            yield room
        finally:
            if len(self._rooms) < MOST_ROOMS:
                self._rooms.append(room)

    def _node(self, headers: Headers) -> int | None:
        try:
            key = b64decode(headers.get(FLEET_HTTP_PUBLIC_KEY_HEADER, ""), validate=True)
        except (binascii.Error, ValueError):
            return None
        return self._states.state().get_node_id_by_public_key(key)

    def _refusal(self, path: str, headers: Headers, node: int | None) -> int:
        length = headers.get("content-length", "")
        if not path.startswith(FLEET):
            return 404
        if node is None:
            return 403
        if not _is_signed(headers):
            return 401
        # With both, the length would be of no account (RFC 9112, 6.3).
        if not (length.isascii() and length.isdigit()) or "transfer-encoding" in headers:
            return 411
        return 413 if int(length) > LARGEST_REQUEST else 0


def _is_signed(headers: Headers) -> bool:
    try:
        stamp = headers[TIMESTAMP_HEADER]
        age = (dt.datetime.now(dt.UTC) - dt.datetime.fromisoformat(stamp)).total_seconds()
        key = bytes_to_public_key(b64decode(headers[FLEET_HTTP_PUBLIC_KEY_HEADER]))
        signature = b64decode(headers[FLEET_HTTP_SIGNATURE_HEADER], validate=True)
    except (KeyError, ValueError, TypeError, OverflowError):
        return False
    if not -SYSTEM_TIME_TOLERANCE < age < TIMESTAMP_TOLERANCE + SYSTEM_TIME_TOLERANCE:
        return False
    return stamp.isascii() and verify_signature(key, stamp.encode(), signature)


def _turn(places: asyncio.Semaphore, is_small: bool) -> AbstractAsyncContextManager[None]:
    return nullcontext() if is_small else places


async def _read(receive: Receive, room: memoryview) -> memoryview | None:
    """Return the whole body, in its room; None when it does not fit, or the client has gone.

    Raises:
        TimeoutError: it stalls.
    """
    end = 0
    while True:
        async with asyncio.timeout(STALL_S):
            message = await receive()
        if message["type"] != "http.request":
            return None
        piece = message.get("body", b"")
        if end + len(piece) > len(room):
            return None
        room[end : end + len(piece)] = piece
        end += len(piece)
        if not message.get("more_body", False):
            return room[:end]


def _once(body: memoryview, receive: Receive) -> Receive:
    bodies = [body]

    async def replay() -> Message:
        if bodies:
            return {"type": "http.request", "body": bodies.pop(), "more_body": False}
        return await receive()

    return replay


def _telling_version(send: Send) -> Send:
    async def tell(message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] == 200:
            MutableHeaders(scope=message)[VERSION_HEADER] = __version__
        await send(message)

    return tell


async def _refuse(status: int, scope: Scope, receive: Receive, send: Send) -> None:
    # The body stays unread, so this connection is of no further use.
    await Response(status_code=status, headers={"connection": "close"})(scope, receive, send)
