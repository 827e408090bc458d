import socket
import ssl
from base64 import b64encode

import httpx
import pytest
from conftest import Coordinator, free_port
from fedcmr_client.keys import load_site_key
from fedcmr_server.listener import LARGEST_REQUEST, serve
from flwr.supercore.primitives.asymmetric import public_key_to_bytes

from fedcmr.errors import ConfigurationError, NetworkError


@pytest.fixture
def browser(coordinator: Coordinator):
    context = ssl.create_default_context(cafile=str(coordinator.ca))
    base = f"https://{coordinator.address}"
    with httpx.Client(base_url=base, verify=context, trust_env=False) as client:
        yield client


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/docs",
        "/openapi.json",
        "/health",
        "/v1/control/start-run",
        "/v1/control/list-runs",
        "/v1/control/register-node",
        "/v1/runtime/push-messages",
        "/v1/fleet/../control/start-run",
    ],
)
def test_only_the_fleet_api_is_served(browser: httpx.Client, path: str) -> None:
    assert browser.get(path).status_code == 404
    assert browser.post(path, content=b"").status_code == 404


@pytest.mark.parametrize("path", ["activate-node", "pull-messages", "push-object", "get-fab"])
def test_fleet_calls_without_a_signature_are_refused(browser: httpx.Client, path: str) -> None:
    headers = {"content-type": "application/protobuf"}
    response = browser.post(f"/v1/fleet/{path}", content=b"", headers=headers)
    assert response.status_code == 403
    assert "x-fedcmr-version" not in response.headers


def test_a_large_body_is_refused_before_it_is_read(
    coordinator: Coordinator,
) -> None:
    key = load_site_key(coordinator.key).public_key()
    header = {"flwr-public-key": b64encode(public_key_to_bytes(key)).decode()}

    small = {"content-length": "10"}
    large = {"content-length": str(LARGEST_REQUEST + 1)}
    assert headers_only(coordinator, small) == 403
    assert headers_only(coordinator, header | large) == 413
    assert headers_only(coordinator, header | {"transfer-encoding": "chunked"}) == 413


def headers_only(coordinator: Coordinator, headers: dict[str, str]) -> int:
    """Send the head of a request and no byte of its body; return the status of the answer."""
    context = ssl.create_default_context(cafile=str(coordinator.ca))
    lines = ["POST /v1/fleet/push-object HTTP/1.1", "host: x"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    with (
        socket.create_connection(("127.0.0.1", coordinator.port), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as secure,
    ):
        secure.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        return int(secure.recv(1000).split()[1])


def test_plain_http_is_not_spoken(coordinator: Coordinator) -> None:
    with pytest.raises(httpx.TransportError):
        httpx.get(f"http://{coordinator.address}/", trust_env=False)


def test_a_taken_port_is_one_line(coordinator: Coordinator) -> None:
    pki = coordinator.ca.parent
    with (
        pytest.raises(NetworkError, match=f"cannot listen on port {coordinator.port}"),
        serve(
            coordinator.link,
            "127.0.0.1",
            coordinator.port,
            pki / "server.pem",
            pki / "server.key",
        ),
    ):
        pass


def test_a_key_that_does_not_fit_is_one_line(coordinator: Coordinator) -> None:
    pki = coordinator.ca.parent
    listening = serve(
        coordinator.link, "127.0.0.1", free_port(), pki / "server.pem", pki / "ca.key"
    )
    with pytest.raises(ConfigurationError, match="cannot use the server certificate"), listening:
        pass
