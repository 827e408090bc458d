from pathlib import Path

import dicom_files
from fedcmr_client.cli import app
from typer.testing import CliRunner

from fedcmr.config import Preprocessing
from fedcmr.ingest.export import ingest_export


def test_writes_beside_the_data_set(tmp_path: Path) -> None:
    dicom_files.write(tmp_path / "export", dicom_files.cine())
    ingest_export(
        dicom=tmp_path / "export",
        labels=None,
        out=tmp_path / "set",
        preprocessing=Preprocessing(slices=6, phases=10, spacing_mm=3.0, size=32),
        key=bytes(32),
    )
    result = CliRunner().invoke(app, ["preview", str(tmp_path / "set")])
    assert result.exit_code == 0
    assert (tmp_path / "set-preview" / "index.html").is_file()
    assert len(list((tmp_path / "set-preview").glob("*.png"))) == 1
    assert "set-preview/index.html" in result.stdout
