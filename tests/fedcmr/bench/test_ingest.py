from pathlib import Path

import dicom_files
import pytest
from typer.testing import CliRunner

from fedcmr.bench.ingest import bench_ingest
from fedcmr.cli.bench import app
from fedcmr.config import Preprocessing
from fedcmr.errors import DataError

SMALL = Preprocessing(slices=6, phases=10, spacing_mm=3.0, size=32)


def test_both_do_the_whole_work(tmp_path: Path) -> None:
    dicom_files.write(tmp_path, dicom_files.cine() + dicom_files.scouts())
    (tmp_path / "notes.txt").write_text("no image")
    (figure,) = bench_ingest(tmp_path, SMALL, repeats=1)
    assert "76 files, 75 images" in figure.what
    assert "1 studies" in figure.what
    assert figure.value is not None
    assert 0.05 < figure.value < 20


def test_a_folder_without_images_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no image")
    with pytest.raises(DataError, match="no image"):
        list(bench_ingest(tmp_path, SMALL, repeats=1))


def test_command_prints_the_ratio(tmp_path: Path) -> None:
    dicom_files.write(tmp_path, dicom_files.cine())
    result = CliRunner().invoke(app, ["ingest", str(tmp_path), "--repeats", "1"])
    assert result.exit_code == 0
    assert "72 files" in result.stdout
    assert "<= 1.3" in result.stdout


def test_without_a_folder_phantoms_are_made() -> None:
    result = CliRunner().invoke(app, ["ingest", "--patients", "1", "--repeats", "1", "--json"])
    assert result.exit_code == 0
    assert "3 studies" in result.stdout
