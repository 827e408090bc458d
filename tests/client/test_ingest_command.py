import json
from pathlib import Path

import dicom_files
import pytest
from fedcmr_client.cli import app
from fedcmr_client.keys import make_pseudonym_key
from typer.testing import CliRunner

from fedcmr.data.store import open_dataset
from fedcmr.errors import ConfigurationError, DataError, UsageError

RUN = CliRunner()


@pytest.fixture
def dicom(tmp_path: Path) -> Path:
    dicom_files.write(tmp_path / "export", dicom_files.cine() + dicom_files.scouts())
    return tmp_path / "export"


@pytest.fixture
def experiment(tmp_path: Path) -> Path:
    path = tmp_path / "experiment.yaml"
    path.write_text(
        "name: small\npreprocessing: {slices: 6, phases: 10, size: 32, spacing_mm: 3.0}\n"
    )
    return path


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "site.yaml").write_text("name: st-mary\nserver: example.org:8443\n")
    make_pseudonym_key(folder / "pseudonym.key")
    return folder


def call(*words: object) -> str:
    """Run the command and return what it printed; its errors are raised."""
    result = RUN.invoke(app, ["ingest", *map(str, words)], catch_exceptions=True)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.stdout


@pytest.mark.parametrize("given", ["site", "site/site.yaml"])
def test_into_the_data_set_of_the_site(
    dicom: Path, experiment: Path, site: Path, given: str
) -> None:
    folder = site.parent / given
    text = call("--dicom", dicom, "--site", folder, "--experiment", experiment)
    assert "1 studies of 1 patients from 75 files" in text
    assert "no_trigger_time 3" in text
    assert open_dataset(site / "dataset").manifest.preprocessing.size == 32


def test_summary_for_a_script(dicom: Path, experiment: Path, site: Path, tmp_path: Path) -> None:
    out = tmp_path / "set"
    words = ("--dicom", dicom, "--out", out, "--site", site, "--experiment", experiment, "--json")
    summary = json.loads(call(*words))
    assert (summary["studies"], summary["files"], summary["resumed"]) == (1, 75, 0)
    assert json.loads(call(*words))["resumed"] == 1
    assert summary["digest"] == open_dataset(out).digest()


def test_without_site_or_key_a_key_of_the_user_is_made_once(
    dicom: Path, experiment: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("a", "b"):
        call("--dicom", dicom, "--out", tmp_path / name, "--experiment", experiment)
    key = tmp_path / "home" / ".config" / "fedcmr" / "pseudonym.key"
    assert key.stat().st_mode & 0o077 == 0
    assert open_dataset(tmp_path / "a").digest() == open_dataset(tmp_path / "b").digest()


def test_a_locator_is_found_again(
    dicom: Path, experiment: Path, site: Path, tmp_path: Path
) -> None:
    call("--dicom", dicom, "--site", site, "--experiment", experiment)
    locator = (site / "dataset" / "exclusions.csv").read_text().splitlines()[1].split(",")[-1]
    text = call("--dicom", dicom, "--site", site, "--locate", locator)
    assert text.strip() in {str(dicom / f"im{number:04d}") for number in (72, 73, 74)}


def test_no_cine_is_an_error_with_the_reasons_written(
    experiment: Path, site: Path, tmp_path: Path
) -> None:
    dicom_files.write(tmp_path / "scouts", dicom_files.scouts())
    with pytest.raises(DataError, match=r"no short-axis cine.*exclusions\.csv"):
        call("--dicom", tmp_path / "scouts", "--site", site, "--experiment", experiment)
    assert "no_trigger_time" in (site / "dataset" / "exclusions.csv").read_text()


def test_what_is_missing_is_said(dicom: Path, site: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--out or --site"):
        call("--dicom", dicom, "--key", site / "pseudonym.key")
    with pytest.raises(ConfigurationError, match="pseudonym key"):
        call("--dicom", dicom, "--out", tmp_path / "set", "--key", tmp_path / "none")
    (site / "pseudonym.key").chmod(0o644)
    with pytest.raises(ConfigurationError, match=r"others can read pseudonym\.key.*chmod 600"):
        call("--dicom", dicom, "--site", site)
    (site / "pseudonym.key").chmod(0o600)
    with pytest.raises(DataError, match="no files"):
        call("--dicom", tmp_path / "none", "--site", site)


def test_labels_of_another_task_are_noticed(
    dicom: Path, experiment: Path, site: Path, caplog: pytest.LogCaptureFixture
) -> None:
    labels = site / "labels.csv"
    for column, warned in (("mvo", True), ("scar", False)):
        caplog.clear()
        labels.write_text(f"patient_id,{column}\nP1,1\n")
        call(*("--dicom", dicom, "--site", site, "--experiment", experiment, "--labels", labels))
        assert ("no study has a label for the task scar" in caplog.text) is warned
