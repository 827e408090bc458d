"""The coordinator's one open port: Flower's fleet API over TLS, and nothing else of Flower.

Flower's own SuperLink serves its control API, which has no authentication, on the same port.
Here the fleet routes are composed without it, so that a control API does not exist in this
process. What is used of Flower beyond its public names is held by
tests/server/test_flower_contract.py.
"""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from anyio.to_thread import current_default_thread_limiter
from fastapi import FastAPI, HTTPException
from flwr.proto.fleet_pb2 import (
    ActivateNodeRequest,
    PullMessagesRequest,
    PushMessagesRequest,
)
from flwr.supercore.error import FlowerError, http_error_translator
from flwr.supercore.protobuf.translation import ProtobufTranslationMiddleware
from flwr.superlink.routers.fleet.node_auth import NodeAuthMiddleware
from flwr.superlink.routers.fleet.router import router as fleet_router
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import Response

from fedcmr.errors import ConfigurationError, NetworkError
from fedcmr_server.door import Door
from fedcmr_server.gate import Gate
from fedcmr_server.link import FleetLink
from fedcmr_server.transfer import Transfer
from fedcmr_server.waiting import wait_of

KEEP_S = 75
"""For how long a connection without a request stays: a site says that it is there every 30 s, and a
new connection costs both sides a handshake and half a megabyte."""


HANDLERS = 6
"""Threads that answer requests: two more than large bodies are answered at once. Each keeps memory
of its own."""


def fleet_app(link: FleetLink, door: Door) -> FastAPI:
    """Return the web application that serves `/v1/fleet/*` to enrolled sites; all else is 404."""

    async def welcome(request: Request, call_next: RequestResponseEndpoint) -> Response:
        message = getattr(request.state, "protobuf_request", None)
        if isinstance(message, ActivateNodeRequest):
            # A site that was killed still counts as online for up to a minute, and Flower would
            # refuse its restart. It has just proved that it holds the key.
            state = link.states.state()
            node = state.get_node_id_by_public_key(message.public_key)
            if node is not None:
                state.deactivate_node(node)
                link.connected(node)
        if isinstance(message, PullMessagesRequest):
            wait_s = wait_of(request.headers.get("prefer", ""))
            if not await link.question(message.node.node_id, wait_s):
                raise HTTPException(409, "the site has connected anew, or was withdrawn")
        if isinstance(message, PushMessagesRequest) and not link.accepts(message):
            raise HTTPException(409, "not the answer to an open question to this site")
        try:
            return await call_next(request)
        except (FlowerError, HTTPException, OSError):
            raise
        except Exception as error:  # what a site made up is its mistake, not the coordinator's
            raise HTTPException(400, f"not a request ({type(error).__name__})") from None

    app = FastAPI(
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        middleware=[
            Middleware(Gate, states=link.states, door=door),
            Middleware(Transfer, link=link),
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


class _Server(uvicorn.Server):
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        current_default_thread_limiter().total_tokens = HANDLERS
        await super().startup(sockets)


@contextmanager
def serve(link: FleetLink, host: str, port: int, certificate: Path, key: Path) -> Iterator[None]:
    """Listen with TLS while the context is open.

    Raises:
        NetworkError: the port cannot be opened.
        ConfigurationError: certificate or key are missing or do not fit.
    """
    try:
        door = Door(socket.create_server((host, port), backlog=128))
    except OSError as error:
        raise NetworkError(
            f"cannot listen on port {port}: {error.strerror}",
            where=host,
            fix="stop what uses the port, or change `listen` in server.yaml",
        ) from None
    config = uvicorn.Config(
        fleet_app(link, door),
        ssl_certfile=certificate,
        ssl_keyfile=key,
        log_level="critical",  # neither strangers nor the end of a run may fill the log
        access_log=False,
        server_header=False,
        ws="none",
        lifespan="off",
        loop="asyncio",  # whose loop accepts through the door
        http="h11",  # which bounds the head of a request
        timeout_keep_alive=KEEP_S,
        timeout_graceful_shutdown=5,
    )
    try:
        config.load()
    except (OSError, ssl.SSLError):
        door.close()
        raise ConfigurationError(
            "cannot use the server certificate",
            where=str(certificate),
            fix="make a new one with `fedcmr-server init --renew`",
        ) from None
    server = _Server(config)
    thread = threading.Thread(target=server.run, args=([door],), name="fleet-listener", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()
