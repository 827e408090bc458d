"""Fixtures that several folders share."""

import gc
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest


def pytest_collection_finish() -> None:
    """Leave all that was imported out of every later search for garbage: it is not garbage."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real public DICOM files; tests skip where none was named."""
    beside = Path(__file__).parents[1] / ".." / "shared" / "data"
    folder = Path(os.environ.get("FEDCMR_REAL_DATA", beside)).resolve()
    if not folder.is_dir():
        if "FEDCMR_REAL_DATA" in os.environ:
            pytest.fail(f"FEDCMR_REAL_DATA names no folder: {folder}")
        pytest.skip("no real data: set FEDCMR_REAL_DATA to a folder that holds them")
    return folder


def free_port() -> int:
    """Return a TCP port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Coordinator:
    """A listening fleet link with one enrolled site."""

    link: object
    port: int
    ca: Path
    key: Path

    @property
    def address(self) -> str:
        """host:port."""
        return f"127.0.0.1:{self.port}"


@pytest.fixture
def coordinator(tmp_path: Path) -> Iterator[Coordinator]:
    """A coordinator on loopback, TLS and key authentication on; site `one` is enrolled."""
    from fedcmr_client.keys import make_site_key
    from fedcmr_server.link import FleetLink
    from fedcmr_server.listener import serve
    from fedcmr_server.pki import issue_server_certificate, make_authority

    make_authority(tmp_path)
    issue_server_certificate(tmp_path, ["127.0.0.1"])
    link, port = FleetLink(tmp_path / "objects"), free_port()
    link.admit("one", make_site_key(tmp_path / "site_key").read_bytes())
    with serve(link, "127.0.0.1", port, tmp_path / "server.pem", tmp_path / "server.key"):
        yield Coordinator(link, port, tmp_path / "ca.pem", tmp_path / "site_key")
