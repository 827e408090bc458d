import json
from pathlib import Path

import pytest
import typer
from dicom_files import late_enhancement, write
from typer.testing import CliRunner

from fedcmr.cli.predict import predict_command
from fedcmr.errors import CheckFailed, DataError

Signed = tuple[Path, Path]


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer()
    app.command()(predict_command)
    return app


def _arguments(signed: Signed, export: Path, out: Path, *more: str) -> list[str]:
    folders = ["--release", str(signed[0]), "--dicom", str(export), "--out", str(out)]
    return [*folders, "--workers", "1", *more]


def test_scores_and_reasons_are_shown(
    app: typer.Typer, signed: Signed, export: Path, tmp_path: Path
) -> None:
    arguments = _arguments(signed, export, tmp_path, "--key", str(signed[1]))
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0
    assert "2 of 4 studies scored" in result.stdout
    assert "PHANTOM" in result.stdout
    assert "PARTIAL" in result.stdout
    assert "warning" not in result.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "predictions.csv",
        "predictions.json",
    ]


def test_as_json_is_the_file(
    app: typer.Typer, signed: Signed, export: Path, tmp_path: Path
) -> None:
    result = CliRunner().invoke(app, _arguments(signed, export, tmp_path, "--json"))
    assert result.stdout == (tmp_path / "predictions.json").read_text()
    assert json.loads(result.stdout)["release"]["signature_verified"] is False


def test_without_a_key_one_line_warns(
    app: typer.Typer, signed: Signed, export: Path, tmp_path: Path
) -> None:
    result = CliRunner().invoke(
        app, _arguments(signed, export, tmp_path), env={"FEDCMR_PUBLIC_KEY": ""}
    )
    assert result.exit_code == 0
    assert result.stderr.count("warning: the release was not verified") == 1


def test_another_key_ends_it(
    app: typer.Typer, signed: Signed, export: Path, tmp_path: Path
) -> None:
    from fedcmr.release.signing import generate_signing_key

    generate_signing_key(tmp_path / "k", tmp_path / "k.pub")
    arguments = _arguments(signed, export, tmp_path / "out", "--key", str(tmp_path / "k.pub"))
    result = CliRunner().invoke(app, arguments)
    assert isinstance(result.exception, CheckFailed)
    assert not (tmp_path / "out").exists()


def test_an_export_without_a_cine_ends_with_the_reasons(
    app: typer.Typer, signed: Signed, tmp_path: Path
) -> None:
    write(tmp_path / "export", late_enhancement())
    result = CliRunner().invoke(app, _arguments(signed, tmp_path / "export", tmp_path / "out"))
    assert isinstance(result.exception, DataError)
    assert "late gadolinium" in (tmp_path / "out" / "predictions.csv").read_text()
