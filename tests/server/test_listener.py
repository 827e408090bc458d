import ssl

import httpx
import pytest
from conftest import Coordinator, free_port
from fedcmr_server.listener import KEEP_S, serve
from flwr.common.constant import HEARTBEAT_DEFAULT_INTERVAL

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


def test_a_connection_outlives_the_pause_between_two_heartbeats() -> None:
    assert KEEP_S > 2 * HEARTBEAT_DEFAULT_INTERVAL
