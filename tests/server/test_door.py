"""Strangers who hold connections open: they go, and nobody waits for them."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack

import psutil
import pytest
from conftest import Coordinator
from fedcmr_server import door
from fleet_requests import connected, exchange, head, is_closed, signed, status_of

KNOCK = "/v1/fleet/pull-messages"
SLOW = [b"", b"\x16\x03\x01\x02\x00\x01", b"GET / HTTP/1.1\r\n"]
"""Nothing at all; the begin of a TLS handshake; something that is not TLS."""


def knock(coordinator: Coordinator) -> int | None:
    """Return what a site's empty request is answered: 401, for it names no node."""
    return exchange(coordinator, head(KNOCK, signed(coordinator) | {"content-length": "0"}))


@pytest.fixture
def strangers(coordinator: Coordinator) -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def stranger(coordinator: Coordinator, opened: ExitStack, first: bytes) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", coordinator.port), timeout=20)
    opened.enter_context(connection)
    connection.sendall(first)
    return connection


@pytest.mark.parametrize("first", SLOW)
def test_who_does_not_speak_is_closed(
    coordinator: Coordinator, strangers: ExitStack, monkeypatch: pytest.MonkeyPatch, first: bytes
) -> None:
    monkeypatch.setattr(door, "PROOF_S", 0.2)
    assert is_closed(stranger(coordinator, strangers, first))


@pytest.mark.parametrize("first", [b"", b"POST /v1/fleet/get-run HTTP/1.1\r\nhost: x\r\nx: "])
def test_who_speaks_tls_but_proves_nothing_is_closed(
    coordinator: Coordinator, monkeypatch: pytest.MonkeyPatch, first: bytes
) -> None:
    monkeypatch.setattr(door, "PROOF_S", 0.3)
    with connected(coordinator) as connection:
        connection.sendall(first)
        assert is_closed(connection)


def test_strangers_cannot_take_all_places(coordinator: Coordinator, strangers: ExitStack) -> None:
    held = [stranger(coordinator, strangers, SLOW[i % 3]) for i in range(door.MOST_STRANGERS + 40)]
    assert knock(coordinator) == 401
    assert all(is_closed(connection) for connection in held[:40])


def test_a_site_that_was_let_in_is_not_timed(
    coordinator: Coordinator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "PROOF_S", 0.5)
    request = head(KNOCK, signed(coordinator) | {"content-length": "5"})
    with connected(coordinator) as connection:
        connection.sendall(request)
        with connected(coordinator) as other:
            assert is_closed(other)
        connection.sendall(b"\xff" * 5)
        assert status_of(connection) == 400


def test_a_site_has_a_bounded_number_of_places(
    coordinator: Coordinator, strangers: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "MOST_PER_SITE", 3)
    request = head(KNOCK, signed(coordinator) | {"content-length": "0"})
    held = [strangers.enter_context(connected(coordinator)) for _ in range(5)]
    for connection in held:
        connection.settimeout(2)  # less than an idle connection is kept
        connection.sendall(request)
        assert status_of(connection) == 401
    assert all(is_closed(connection) for connection in held[:2])
    for connection in held[2:]:
        connection.sendall(request)
        assert status_of(connection) == 401


def test_nothing_stays_open_behind_those_who_went(
    coordinator: Coordinator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "MOST_STRANGERS", 4)
    process = psutil.Process()
    knock(coordinator)
    before = process.num_fds()
    for i in range(60):
        with ExitStack() as opened:
            stranger(coordinator, opened, SLOW[i % 3])
    assert knock(coordinator) == 401
    assert process.num_fds() <= before + 8
