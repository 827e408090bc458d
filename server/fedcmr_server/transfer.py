"""Parts of arrays on their way in and out, answered beside the web framework.

Flower's application costs some 10 ms of CPU a request and several copies of its body. A part goes
from its file to the socket in small pieces here, and from the body to Flower's handler at once.
Whatever is not as expected is left to the application, which knows how to refuse it. What is used
of Flower beyond its public names is held by tests/server/test_flower_contract.py.
"""

import os
from dataclasses import dataclass
from typing import cast

from flwr.proto.message_pb2 import PullObjectRequest, PullObjectResponse, PushObjectRequest
from flwr.proto.node_pb2 import Node
from flwr.supercore.protobuf.constants import PROTOBUF_MEDIA_TYPE
from flwr.superlink.servicer.fleet.fleet_handlers import push_object
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # has no types
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fedcmr.federation.parts import KIND, apart, field_head
from fedcmr_server.link import FleetLink

NODE = "fedcmr.node"
"""Key of an ASGI scope: the number of the site whose signature was verified."""

PULL, PUSH = "/v1/fleet/pull-object", "/v1/fleet/push-object"

PIECE = 2**17
"""Bytes of a part that are in memory at once on their way out."""

CONTENT = PullObjectResponse.OBJECT_CONTENT_FIELD_NUMBER


@dataclass(frozen=True)
class Upload:
    """A request to push an object, for Flower's handler; a part of an array is not copied."""

    node: Node
    run_id: int
    object_id: str
    session_id: str
    object_content: bytes | memoryview


def read_upload(body: bytes) -> Upload:
    """Return what the body of a request to push an object says.

    Raises:
        ValueError: it says nothing.
        DecodeError: the same.
    """
    rest, content = apart(body, PushObjectRequest.OBJECT_CONTENT_FIELD_NUMBER)
    head = PushObjectRequest.FromString(rest)
    is_part = content[: len(KIND)] == KIND
    return Upload(
        head.node,
        head.run_id,
        head.object_id,
        head.session_id,
        content if is_part else bytes(content),
    )


class Transfer:
    """Answers requests for parts, and leaves every other one to the application."""

    def __init__(self, app: ASGIApp, link: FleetLink) -> None:
        self._app = app
        self._link = link

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass on; the body of a request is whole already."""
        kind = Headers(scope=scope).get("content-type", "")
        is_part = scope["path"] in (PULL, PUSH) and scope["method"] == "POST"
        if not is_part or kind != PROTOBUF_MEDIA_TYPE:
            await self._app(scope, receive, send)
            return
        message = await receive()
        answer = self._pulled if scope["path"] == PULL else self._pushed
        # The body may have taken long, and the site may have been withdrawn meanwhile.
        known = self._link.is_enrolled(scope[NODE])
        if not known or not await answer(message["body"], scope[NODE], send):
            await self._app(scope, _again(message, receive), send)

    async def _pulled(self, body: bytes, node: int, send: Send) -> bool:
        try:
            request = PullObjectRequest.FromString(body)
        except DecodeError:
            return False
        part = self._link.objects.open_own(request.object_id)
        if part is None or request.node.node_id != node:
            return False
        with part:
            left = os.fstat(part.fileno()).st_size
            head = PullObjectResponse(object_found=True, object_available=True).SerializeToString()
            head += field_head(CONTENT, left)
            await _start(send, len(head) + left)
            await send({"type": "http.response.body", "body": head, "more_body": True})
            while left and (piece := part.read(PIECE)):
                left -= len(piece)
                await send({"type": "http.response.body", "body": piece, "more_body": left > 0})
        return True

    async def _pushed(self, body: bytes, node: int, send: Send) -> bool:
        try:
            upload = read_upload(body)
            if upload.node.node_id != node:
                return False
            request = cast(PushObjectRequest, upload)
            response = await run_in_threadpool(push_object, request, self._link.states.state())
        except Exception:  # Flower's handler raises anything on what a site made up
            return False
        content = response.SerializeToString()
        await _start(send, len(content))
        await send({"type": "http.response.body", "body": content})
        return True


async def _start(send: Send, length: int) -> None:
    headers = [(b"content-type", PROTOBUF_MEDIA_TYPE.encode()), (b"content-length", b"%d" % length)]
    await send({"type": "http.response.start", "status": 200, "headers": headers})


def _again(message: Message, receive: Receive) -> Receive:
    messages = [message]

    async def replay() -> Message:
        return messages.pop() if messages else await receive()

    return replay
