import json
import shutil
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from fedcmr.cli.verify import verify_command
from fedcmr.errors import CheckFailed, ConfigurationError

Signed = tuple[Path, Path]


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer()
    app.command()(verify_command)
    return app


def test_the_help_says_what_an_argument_is(app: typer.Typer) -> None:
    assert "Folder of the release." in CliRunner().invoke(app, ["--help"]).stdout


def test_a_release_as_signed(app: typer.Typer, signed: Signed) -> None:
    result = CliRunner().invoke(app, [str(signed[0]), "--key", str(signed[1])])
    assert result.exit_code == 0
    assert result.stdout.startswith("OK: ")
    assert result.stdout.count("\n") == 1


def test_a_changed_release(app: typer.Typer, signed: Signed, tmp_path: Path) -> None:
    release = Path(shutil.copytree(signed[0], tmp_path / "release"))
    (release / "metrics.json").write_text("{}")
    arguments = [str(release), "--key", str(signed[1])]
    result = CliRunner().invoke(app, arguments)
    assert isinstance(result.exception, CheckFailed)
    assert result.exception.exit_code == 1
    assert "metrics.json differs" in str(result.exception)
    as_json = CliRunner().invoke(app, [*arguments, "--json"])
    assert isinstance(as_json.exception, CheckFailed)
    content = json.loads(as_json.stdout)
    assert content["ok"] is False
    assert "metrics.json" in content["error"]


def test_as_json(app: typer.Typer, signed: Signed) -> None:
    result = CliRunner().invoke(app, [str(signed[0]), "--key", str(signed[1]), "--json"])
    assert json.loads(result.stdout) == {"release": str(signed[0]), "ok": True}


def test_the_key_must_be_given(app: typer.Typer, signed: Signed) -> None:
    assert CliRunner().invoke(app, [str(signed[0])], env={"FEDCMR_PUBLIC_KEY": ""}).exit_code == 2
    result = CliRunner().invoke(app, [str(signed[0])], env={"FEDCMR_PUBLIC_KEY": str(signed[1])})
    assert result.exit_code == 0


def test_a_key_that_is_none(app: typer.Typer, signed: Signed) -> None:
    result = CliRunner().invoke(app, [str(signed[0]), "--key", str(signed[0] / "model.yaml")])
    assert isinstance(result.exception, ConfigurationError)
