from pathlib import Path

import pytest
from fedcmr_client.keys import make_site_key
from fedcmr_server.cli import app
from typer.testing import CliRunner

from fedcmr.errors import ConfigurationError


def call(*words: object) -> str:
    """Run a command and return what it printed; its errors are raised."""
    result = CliRunner().invoke(app, [*map(str, words)], env={"COLUMNS": "200"})
    if isinstance(result.exception, Exception):
        raise result.exception
    return result.stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    call("init", tmp_path / "server", "--host", "127.0.0.1")
    return tmp_path / "server"


def test_a_site_is_enrolled_until_a_day_and_revoked(folder: Path, tmp_path: Path) -> None:
    enrol = ("enrol", "--state", folder, "one", make_site_key(tmp_path / "site_key"))
    assert "until the end of 2999-01-31 (UTC)" in call(*enrol, "--expires", "2999-01-31")
    assert "site one is refused from now on" in call("revoke", "--state", folder, "one")
    with pytest.raises(ConfigurationError, match="was revoked; give --again"):
        call(*enrol)
    assert "site one may connect;" in call(*enrol, "--again")


@pytest.mark.parametrize("name", ["pki/ca.key", "pki/server.key", "signing/release.key"])
def test_a_private_key_that_others_can_use_is_refused(folder: Path, name: str) -> None:
    key = folder / name
    for mode in (0o640, 0o602):
        key.chmod(mode)
        with pytest.raises(ConfigurationError, match=f"others can use .*; chmod 600 {key}"):
            call("status", "--state", folder)
    key.chmod(0o600)
    call("status", "--state", folder)
