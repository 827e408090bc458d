import ssl
from http.client import HTTPSConnection

import httpx
import pytest
from conftest import Coordinator
from fedcmr_client.transport import PIECE, Transport
from fleet_requests import signed


def transport_to(coordinator: Coordinator) -> Transport:
    return Transport(ssl.create_default_context(cafile=str(coordinator.ca)))


def ask(transport: Transport, coordinator: Coordinator, name: str, body: bytes) -> int:
    """Send a request and return the status of the answer."""
    url = f"https://{coordinator.address}/v1/fleet/{name}"
    request = httpx.Request("POST", url, headers=signed(coordinator), content=body)
    request.extensions["timeout"] = {"read": 20.0}
    return transport.handle_request(request).status_code


def test_a_body_leaves_in_pieces_each_of_which_has_its_time(
    coordinator: Coordinator, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[bytes] = []
    send = HTTPSConnection.send

    def recorded(connection: HTTPSConnection, data: bytes) -> None:
        sent.append(bytes(data))
        send(connection, data)

    monkeypatch.setattr(HTTPSConnection, "send", recorded)
    body = bytes(range(256)) * (3 * PIECE // 256) + b"rest!"
    with transport_to(coordinator) as transport:
        assert ask(transport, coordinator, "push-object", body) == httpx.codes.BAD_REQUEST
    assert [len(data) for data in sent[1:]] == [PIECE, PIECE, PIECE, 5]
    assert b"".join(sent[1:]) == body


def test_a_site_opens_as_many_connections_as_it_uses_at_once_and_one_for_heartbeats(
    coordinator: Coordinator, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[HTTPSConnection] = []
    connect, beats = HTTPSConnection.connect, 0

    def recorded(connection: HTTPSConnection) -> None:
        opened.append(connection)
        connect(connection)

    monkeypatch.setattr(HTTPSConnection, "connect", recorded)
    with transport_to(coordinator) as transport:
        for name in ("pull-messages", "send-node-heartbeat") * 5:
            ask(transport, coordinator, name, b"")
            beats += name == "send-node-heartbeat"
            assert len(opened) == 1 + (beats > 0)
        sockets = [connection.sock for connection in opened]
        assert all(sockets)
    assert not any(connection.sock for connection in opened)
