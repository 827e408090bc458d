"""A proxy before an echoing server on loopback."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from fedcmr.drill.proxy import Proxy

BIG = bytes(range(256)) * 1200
"""More than one chunk."""


@pytest.fixture
def echo() -> Iterator[int]:
    """The port of a server that sends back what it gets."""
    server = socket.create_server(("127.0.0.1", 0))

    def answer(peer: socket.socket) -> None:
        with peer, suppress(OSError):
            while data := peer.recv(4096):
                peer.sendall(data)

    def accept() -> None:
        with suppress(OSError):
            while True:
                peer, _ = server.accept()
                threading.Thread(target=answer, args=[peer], daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield server.getsockname()[1]
    server.shutdown(socket.SHUT_RDWR)
    server.close()


@pytest.fixture
def proxy(echo: int) -> Iterator[Proxy]:
    with Proxy("127.0.0.1", echo) as running:
        yield running


def connect(proxy: Proxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=10)


def ask(peer: socket.socket, data: bytes) -> bytes:
    sender = threading.Thread(target=peer.sendall, args=[data])
    sender.start()
    answer = b""
    while len(answer) < len(data) and (part := peer.recv(65536)):
        answer += part
    sender.join()
    return answer


def broken(peer: socket.socket) -> bool:
    try:
        return peer.recv(1) == b""
    except ConnectionError:
        return True


def test_it_passes_bytes_on_and_counts_them_each_way(proxy: Proxy) -> None:
    with connect(proxy) as peer:
        assert ask(peer, BIG) == BIG
        peer.shutdown(socket.SHUT_WR)
        assert peer.recv(1) == b""
    assert (proxy.sent, proxy.received) == (len(BIG), len(BIG))


def test_a_cut_breaks_connections_and_refuses_new_ones_until_mended(proxy: Proxy) -> None:
    with connect(proxy) as peer:
        assert ask(peer, b"before") == b"before"
        proxy.cut()
        assert broken(peer)
    with connect(proxy) as peer:
        assert broken(peer)
    proxy.mend()
    with connect(proxy) as peer:
        assert ask(peer, b"after") == b"after"


def test_a_pause_loses_nothing(proxy: Proxy) -> None:
    with connect(proxy) as peer:
        proxy.pause()
        peer.sendall(b"held")
        peer.settimeout(0.2)
        with pytest.raises(TimeoutError):
            peer.recv(4)
        proxy.mend()
        peer.settimeout(10)
        assert peer.recv(4) == b"held"


def test_a_delay_is_added_in_each_direction(proxy: Proxy) -> None:
    proxy.delay_s = 0.1
    with connect(proxy) as peer:
        start = time.monotonic()
        assert ask(peer, b"slow") == b"slow"
        assert time.monotonic() - start >= 0.2


def test_a_target_that_is_away_ends_the_connection(echo: int) -> None:
    with Proxy("127.0.0.1", 1) as nowhere, connect(nowhere) as peer, suppress(ConnectionError):
        assert peer.recv(1) == b""
