import ssl
from http.client import HTTPSConnection

import httpx
import pytest
from conftest import Coordinator
from fedcmr_client.transport import PIECE, Transport
from fleet_requests import signed


def test_a_body_leaves_in_pieces_each_of_which_has_its_time(
    coordinator: Coordinator, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[bytes] = []
    send = HTTPSConnection.send

    def recorded(connection: HTTPSConnection, data: bytes) -> None:
        sent.append(bytes(data))
        send(connection, data)

    monkeypatch.setattr(HTTPSConnection, "send", recorded)
    transport = Transport(ssl.create_default_context(cafile=str(coordinator.ca)))
    body = bytes(range(256)) * (3 * PIECE // 256) + b"rest!"
    url = f"https://{coordinator.address}/v1/fleet/push-object"
    request = httpx.Request("POST", url, headers=signed(coordinator), content=body)
    request.extensions["timeout"] = {"read": 20.0}
    with transport:
        assert transport.handle_request(request).status_code == httpx.codes.BAD_REQUEST
    assert [len(data) for data in sent[1:]] == [PIECE, PIECE, PIECE, 5]
    assert b"".join(sent[1:]) == body
