import csv
from pathlib import Path

import dicom_files
import pytest

from fedcmr.config import Preprocessing
from fedcmr.errors import DataError
from fedcmr.ingest.export import ingest_export
from fedcmr.ingest.locate import locate

KEY = bytes(32)


def test_finds_the_file_of_every_line(tmp_path: Path) -> None:
    export = tmp_path / "export"
    dicom_files.write(export / "Doe^Jane", dicom_files.scouts())
    (export / "Doe^Jane" / "notes.txt").write_text("x")
    ingest_export(
        dicom=export, labels=None, out=tmp_path / "set", preprocessing=Preprocessing(), key=KEY
    )
    with (tmp_path / "set" / "exclusions.csv").open() as file:
        found = {Path(locate(export, KEY, row["locator"])).name for row in csv.DictReader(file)}
    assert found == {"im0000", "im0001", "im0002", "notes.txt"}
    with pytest.raises(DataError, match="no file of the export"):
        locate(export, b"\1" * 32, row_locator(tmp_path))


def test_finds_the_patients_whose_labels_and_studies_do_not_meet(tmp_path: Path) -> None:
    export, labels = tmp_path / "export", tmp_path / "labels.csv"
    dicom_files.write(export, dicom_files.cine())
    (export / "a.txt").write_text("x")
    labels.write_text("patient_id,scar\nP9,1\n")
    ingest_export(
        dicom=export, labels=labels, out=tmp_path / "set", preprocessing=Preprocessing(), key=KEY
    )
    with (tmp_path / "set" / "exclusions.csv").open() as file:
        locators = {row["code"]: row["locator"] for row in csv.DictReader(file)}
    found = {code: locate(export, KEY, locators[code], labels) for code in locators}
    assert found == {
        "not_dicom": str(export / "a.txt"),
        "no_label": str(export / "im0000"),
        "label_without_study": f"patient_id P9 of {labels}",
    }
    with pytest.raises(DataError, match="--labels"):
        locate(export, KEY, locators["label_without_study"])


def row_locator(folder: Path) -> str:
    with (folder / "set" / "exclusions.csv").open() as file:
        return next(csv.DictReader(file))["locator"]
