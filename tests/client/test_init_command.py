from pathlib import Path

import pytest
from fedcmr_client.cli import app
from fedcmr_server.pki import make_authority
from typer.testing import CliRunner

from fedcmr.errors import ConfigurationError


def init(folder: Path, server: str, ca: Path) -> str:
    words = ["init", str(folder), "--name", "st-mary", "--server", server, "--ca", str(ca)]
    result = CliRunner().invoke(app, words)
    if isinstance(result.exception, Exception):
        raise result.exception
    return result.stdout


@pytest.fixture
def ca(tmp_path: Path) -> Path:
    folder = tmp_path / "pki"
    folder.mkdir()
    make_authority(folder)
    return folder / "ca.pem"


@pytest.mark.parametrize("server", ["host:99999", "host", "münchen.example:8443", "https://a:1"])
def test_a_wrong_address_is_refused_before_anything_is_written(
    tmp_path: Path, ca: Path, server: str
) -> None:
    with pytest.raises(ConfigurationError, match="server: "):
        init(tmp_path / "site", server, ca)
    assert not (tmp_path / "site").exists()


def test_a_folder_is_printed_as_it_is_called(tmp_path: Path, ca: Path) -> None:
    folder = tmp_path / "[red]site"
    assert f"site st-mary is in {folder}\n" in init(folder, "host:8443", ca)
    assert (folder / "site.yaml").is_file()
