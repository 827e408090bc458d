"""The coordinator's one open port: Flower's fleet API over TLS, and nothing else of Flower.

Flower's own SuperLink serves its control API, which has no authentication, on the same port.
Here the fleet routes are composed without it, so that a control API does not exist in this
process. What is used of Flower beyond its public names is held by
tests/server/test_flower_contract.py.
"""

import binascii
import socket
import ssl
import threading
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from flwr.proto.fleet_pb2 import ActivateNodeRequest
from flwr.server.superlink.linkstate import LinkStateFactory
from flwr.supercore.constant import FLEET_HTTP_PUBLIC_KEY_HEADER
from flwr.supercore.error import http_error_translator
from flwr.supercore.protobuf.translation import ProtobufTranslationMiddleware
from flwr.superlink.routers.fleet.node_auth import NodeAuthMiddleware
from flwr.superlink.routers.fleet.router import router as fleet_router
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.types import Message as ASGIMessage

from fedcmr import __version__
from fedcmr.errors import ConfigurationError, NetworkError
from fedcmr.federation.messages import VERSION_HEADER
from fedcmr_server.link import FleetLink

FLEET = "/v1/fleet/"


LARGEST_REQUEST = 32 * 2**20
"""Bytes of one request; Flower uploads arrays in parts of 20 MiB."""

CONCURRENT_REQUESTS = 128


class Gate:
    """Refuse before a byte of the body is read: other paths, unknown keys, oversized requests."""

    def __init__(self, app: ASGIApp, states: LinkStateFactory) -> None:
        self._app = app
        self._states = states

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a fleet request of an enrolled key on; answer 404, 403 or 413 otherwise."""
        if scope["type"] != "http":
            return
        if not scope["path"].startswith(FLEET):
            await Response(status_code=404)(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if not self._is_known(headers.get(FLEET_HTTP_PUBLIC_KEY_HEADER, "")):
            await Response(status_code=403)(scope, receive, send)
            return
        length = headers.get("content-length", "")
        if not length.isdigit() or int(length) > LARGEST_REQUEST:
            await Response(status_code=413)(scope, receive, send)
            return

        async def tell_version(message: ASGIMessage) -> None:
            if message["type"] == "http.response.start" and message["status"] == 200:
                MutableHeaders(scope=message)[VERSION_HEADER] = __version__
            await send(message)

        await self._app(scope, receive, tell_version)

    def _is_known(self, header: str) -> bool:
        try:
            key = b64decode(header, validate=True)
        except (binascii.Error, ValueError):
            return False
        return self._states.state().get_node_id_by_public_key(key) is not None


def fleet_app(link: FleetLink) -> FastAPI:
    """Return the web application that serves `/v1/fleet/*` to enrolled sites; all else is 404."""

    async def welcome(request: Request, call_next: RequestResponseEndpoint) -> Response:
        message = getattr(request.state, "protobuf_request", None)
        if not isinstance(message, ActivateNodeRequest):
            return await call_next(request)
        # A site that was killed still counts as online for up to a minute, and Flower would refuse
        # its restart. It has just proved that it holds the key.
        state = link.states.state()
        node = state.get_node_id_by_public_key(message.public_key)
        if node is not None:
            state.deactivate_node(node)
            link.connected(node)
        return await call_next(request)

    app = FastAPI(
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        middleware=[
            Middleware(Gate, states=link.states),
            Middleware(BaseHTTPMiddleware, dispatch=http_error_translator),
            Middleware(ProtobufTranslationMiddleware),
            Middleware(NodeAuthMiddleware),
            Middleware(BaseHTTPMiddleware, dispatch=welcome),
        ],
    )
    app.state.linkstate_factory = link.states
    app.state.enable_supernode_auth = True  # sites cannot register themselves
    app.include_router(fleet_router)
    return app


@contextmanager
def serve(link: FleetLink, host: str, port: int, certificate: Path, key: Path) -> Iterator[None]:
    """Listen with TLS while the context is open.

    Raises:
        NetworkError: the port cannot be opened.
        ConfigurationError: certificate or key are missing or do not fit.
    """
    try:
        listener = socket.create_server((host, port), backlog=128)
    except OSError as error:
        raise NetworkError(
            f"cannot listen on port {port}: {error.strerror}",
            where=host,
            fix="stop what uses the port, or change `listen` in server.yaml",
        ) from None
    config = uvicorn.Config(
        fleet_app(link),
        ssl_certfile=certificate,
        ssl_keyfile=key,
        log_level="warning",
        access_log=False,
        server_header=False,
        ws="none",
        limit_concurrency=CONCURRENT_REQUESTS,
        timeout_graceful_shutdown=5,
    )
    try:
        config.load()
    except (OSError, ssl.SSLError):
        listener.close()
        raise ConfigurationError(
            "cannot use the server certificate",
            where=str(certificate),
            fix="make a new one with `fedcmr-server init --renew`",
        ) from None
    server = uvicorn.Server(config)
    thread = threading.Thread(
        target=server.run, args=([listener],), name="fleet-listener", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()
