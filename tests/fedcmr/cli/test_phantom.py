import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from fedcmr.cli.phantom import phantom_command
from fedcmr.errors import CheckFailed, DataError, UsageError
from fedcmr.phantom import audit

app = typer.Typer()
app.command()(phantom_command)


def call(*arguments: str | Path) -> str:
    """Run the command; its errors come out as they are raised."""
    result = CliRunner().invoke(app, [str(a) for a in arguments], standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return result.stdout


def test_one_site_is_written_into_the_folder_itself(tmp_path: Path) -> None:
    out = tmp_path / "export"
    options = ("--site", "siemens", "--patients", "1", "--workers", "1", "--json")
    assert json.loads(call(out, *options)) == {"exports": [str(out)]}
    assert (out / "dicom").is_dir()
    assert (out / "labels.csv").read_text().count("\n") == 2


def test_all_sites_get_a_folder_each(tmp_path: Path) -> None:
    call(tmp_path / "all", "--patients", "1", "--workers", "1", "--seed", "3")
    labels = sorted((tmp_path / "all").glob("*/labels.csv"))
    assert [path.parent.name for path in labels] == ["ge", "philips", "siemens"]


def test_audit_prints_and_judges(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "truth.csv").touch()
    monkeypatch.setattr(audit, "audit", lambda exports: {"scar": 0.55, "mvo": 0.60})
    assert "scar: AUC 0.550" in call("--audit", tmp_path)
    monkeypatch.setattr(audit, "audit", lambda exports: {"scar": 0.72, "mvo": 0.60})
    with pytest.raises(CheckFailed, match="scar can be told"):
        call("--audit", tmp_path)


def test_audit_says_its_limit_to_scripts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "truth.csv").touch()
    monkeypatch.setattr(audit, "audit", lambda exports: {"scar": 0.5})
    told = json.loads(call("--audit", tmp_path, "--json"))
    assert told == {"auc": {"scar": 0.5}, "limit": 0.7, "ok": True}


def test_a_wrong_call_says_what_is_right(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="ge, siemens, philips or all"):
        call(tmp_path / "out", "--site", "canon")
    with pytest.raises(UsageError, match="either a folder"):
        call()
    with pytest.raises(UsageError, match="either a folder"):
        call(tmp_path / "out", "--audit", tmp_path)
    with pytest.raises(DataError, match="no phantom export"):
        call("--audit", tmp_path)
