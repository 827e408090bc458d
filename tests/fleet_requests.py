"""Requests to a coordinator as bytes: signed or not, whole or cut."""

import datetime as dt
import socket
import ssl
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.client import HTTPException, HTTPResponse

from conftest import Coordinator
from cryptography.hazmat.primitives.asymmetric import ec
from fedcmr_client.keys import load_site_key
from flwr.common.constant import TIMESTAMP_HEADER
from flwr.supercore.constant import FLEET_HTTP_PUBLIC_KEY_HEADER, FLEET_HTTP_SIGNATURE_HEADER
from flwr.supercore.primitives.asymmetric import public_key_to_bytes, sign_message

PATIENCE_S = 20.0


def signed(coordinator: Coordinator, age_s: float = 0.0) -> dict[str, str]:
    """Return the headers by which the enrolled site proves who it is."""
    return signed_by(load_site_key(coordinator.key), age_s)


def signed_by(key: ec.EllipticCurvePrivateKey, age_s: float = 0.0) -> dict[str, str]:
    """Return the headers by which the holder of a key proves that it is."""
    stamp = (dt.datetime.now(dt.UTC) - dt.timedelta(seconds=age_s)).isoformat()
    return {
        "content-type": "application/protobuf",
        FLEET_HTTP_PUBLIC_KEY_HEADER: b64encode(public_key_to_bytes(key.public_key())).decode(),
        TIMESTAMP_HEADER: stamp,
        FLEET_HTTP_SIGNATURE_HEADER: b64encode(sign_message(key, stamp.encode())).decode(),
    }


def head(path: str, headers: Mapping[str, str], method: str = "POST") -> bytes:
    """Return the head of a request."""
    lines = [f"{method} {path} HTTP/1.1", "host: x"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


@contextmanager
def connected(coordinator: Coordinator) -> Iterator[ssl.SSLSocket]:
    """Open a TLS connection that trusts the coordinator."""
    context = ssl.create_default_context(cafile=str(coordinator.ca))
    with (
        socket.create_connection(("127.0.0.1", coordinator.port), timeout=PATIENCE_S) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as secure,
    ):
        yield secure


def status_of(connection: ssl.SSLSocket) -> int | None:
    """Read a whole answer, return its status; None for a connection closed without one."""
    answer = HTTPResponse(connection)
    try:
        answer.begin()
        answer.read()
    except (ConnectionError, ssl.SSLError, HTTPException):
        return None
    return answer.status


def is_closed(connection: socket.socket) -> bool:
    """Wait until the other side has closed; an error when it does not within the time-out."""
    with suppress(ConnectionError, ssl.SSLEOFError):
        while connection.recv(4096):
            pass
    return True


def exchange(coordinator: Coordinator, request: bytes, *, cut: bool = False) -> int | None:
    """Send bytes and return the status of the answer; `cut` half-closes after the last byte."""
    with connected(coordinator) as connection:
        with suppress(ConnectionError, ssl.SSLError):
            connection.sendall(request)
            if cut:
                connection.unwrap().shutdown(socket.SHUT_WR)
                return None
        return status_of(connection)
