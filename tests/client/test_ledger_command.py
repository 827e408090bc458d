from pathlib import Path

import pytest
from fedcmr_client.cli import app
from site_files import make_site
from typer.testing import CliRunner

from fedcmr.errors import UsageError


@pytest.mark.parametrize("command", [["verify"], ["explain", "run"]])
def test_a_site_named_too_early_is_not_passed_over(tmp_path: Path, command: list[str]) -> None:
    result = CliRunner().invoke(app, ["ledger", "--site", str(tmp_path), *command])
    assert isinstance(result.exception, UsageError)
    assert f"give it after `{command[0]}`" in str(result.exception)


def test_a_site_of_the_environment_is_that_of_every_subcommand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_site(tmp_path)
    (tmp_path / "site.yaml").write_text("name: one\nserver: localhost:1\n")
    monkeypatch.setenv("FEDCMR_SITE", str(tmp_path))
    result = CliRunner().invoke(app, ["ledger", "verify"])
    assert "ok outbound.jsonl: 0 lines" in result.stdout, result.exception
