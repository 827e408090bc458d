from pathlib import Path

import pytest
from fedcmr_client.cli import app
from typer.testing import CliRunner

from fedcmr.errors import UsageError


@pytest.mark.parametrize("command", [["verify"], ["explain", "run"]])
def test_a_site_named_too_early_is_not_passed_over(tmp_path: Path, command: list[str]) -> None:
    result = CliRunner().invoke(app, ["ledger", "--site", str(tmp_path), *command])
    assert isinstance(result.exception, UsageError)
    assert f"give it after `{command[0]}`" in str(result.exception)
