import json
import re
import subprocess
import sys

import pytest
import yaml
from conftest import free_port
from fedcmr_server.settings import ServerSettings
from flwr.supercore.grpc_health import run_health_server_grpc_no_tls
from unit_files import DEPLOY

DOCKER = DEPLOY / "docker"
DOCKERFILE = (DOCKER / "Dockerfile").read_text("utf-8").replace("\\\n", " ")
COMPOSE = yaml.safe_load((DOCKER / "compose.yaml").read_text("utf-8"))
PORT = ServerSettings().listen.rpartition(":")[2]


def instructions(name: str) -> list[str]:
    return re.findall(rf"^{name} +(.*)$", DOCKERFILE, re.MULTILINE)


def test_images_run_as_a_numbered_user_and_install_from_the_wheelhouse_only() -> None:
    assert instructions("USER") == ["10001:10001"]
    assert DOCKERFILE.index("USER 10001") < DOCKERFILE.index("AS client")
    [install] = [line for line in instructions("RUN") if "pip install" in line]
    assert "--no-index" in install
    assert instructions("EXPOSE") == [PORT]


def test_the_context_holds_the_wheelhouse_and_the_probe_only() -> None:
    ignored = (DOCKER / "Dockerfile.dockerignore").read_text("utf-8").split()
    assert ignored == ["*", "!wheelhouse", "!docker/probe.py"]


@pytest.mark.parametrize("name", ["client", "server"])
def test_compose_hardens_and_probes_every_service(name: str) -> None:
    service = COMPOSE["services"][name]
    assert service["user"] == instructions("USER")[0]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "network_mode", "cap_add", "pid"} & set(service)
    assert f"AS {service['build']['target']}\n" in DOCKERFILE


def test_only_the_coordinators_port_is_published() -> None:
    published = {name: service.get("ports", []) for name, service in COMPOSE["services"].items()}
    assert published == {"client": [], "server": [f"{PORT}:{PORT}"]}


def test_image_and_compose_probe_flowers_health_server() -> None:
    [check] = instructions("HEALTHCHECK")
    words = json.loads(check.partition("CMD")[2])
    for service in COMPOSE["services"].values():
        assert service["healthcheck"]["test"] == ["CMD", *words]
    assert words[:2] == ["python", "/opt/fedcmr/probe.py"]


def test_the_probe_tells_a_serving_process_from_none() -> None:
    address = f"127.0.0.1:{free_port()}"
    probe = [sys.executable, str(DOCKER / "probe.py"), address]
    server = run_health_server_grpc_no_tls(address)
    try:
        assert subprocess.run(probe, check=False).returncode == 0
    finally:
        server.stop(grace=None).wait()
    done = subprocess.run(probe, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, f"{address}: UNAVAILABLE\n")
