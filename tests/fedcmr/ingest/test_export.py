import csv
import logging
import shutil
from pathlib import Path

import dicom_files
import numpy as np
import pytest
from ingested import SMALL, files, ingest, of

from fedcmr.data.store import open_dataset
from fedcmr.errors import DataError
from fedcmr.ingest.prepare import prepare
from fedcmr.ingest.scan import scan_export
from fedcmr.ingest.study import read_cine


def exclusions(out: Path) -> list[dict[str, str]]:
    with (out / "exclusions.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_records(whole: Path) -> None:
    dataset = open_dataset(whole)
    by_scar = {record.scar: record for record in dataset.records}
    first = by_scar[1]
    assert (first.vendor, first.field_strength, first.model) == ("GE", "1.5T", "Aera")
    assert (first.sex, first.age_band, first.aetiology, first.mvo) == (
        "F",
        "70-79",
        "ischaemic",
        0,
    )
    assert (first.slices, first.phases, first.spacing_mm) == (6, 12, 3.0)
    assert first.slice_distance_mm == 8.0
    assert by_scar[0].age_band == "40-49"
    assert [record.scar for record in dataset.records].count(0) == 2
    unlabelled = by_scar[None]
    assert unlabelled.flags == ("no_label",)
    assert unlabelled.aetiology == "unknown"
    assert dataset.manifest.counts.patients == 3
    assert not dataset.manifest.phantom


def test_arrays_are_those_of_prepare(dicom: Path, whole: Path) -> None:
    stored = {a.tobytes() for a in map(open_dataset(whole).load, open_dataset(whole).records)}
    studies = scan_export(dicom, workers=1).studies
    assert stored == {prepare(read_cine(dicom, s), SMALL).array.tobytes() for s in studies}


def test_everything_left_out_is_listed(whole: Path) -> None:
    rows = exclusions(whole)
    assert sorted((row["scope"], row["code"], row["files"]) for row in rows) == [
        ("file", "not_dicom", "1"),
        ("label", "label_without_study", "0"),
        ("label", "no_label", "0"),
        ("series", "no_trigger_time", "1"),
        ("series", "no_trigger_time", "1"),
        ("series", "no_trigger_time", "1"),
    ]
    assert all(row["reason"] and len(row["locator"]) == 32 for row in rows)


def test_gaps_between_labels_and_export_are_said_once(
    dicom: Path, labels: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "fedcmr"):
        summary = ingest(dicom, tmp_path / "set", labels)
    assert [record.message.split(";")[0] for record in caplog.records] == [
        "1 of 3 patients of the label file have no usable study in the export",
        "1 of 3 patients of the export are not in the label file",
    ]
    assert summary.labelled == {"scar": 3, "mvo": 1}
    assert (summary.patients, summary.studies) == (3, 4)


@pytest.mark.parametrize("workers", [1, 3])
def test_twice_is_the_same_to_the_byte(
    dicom: Path,
    labels: Path,
    whole: Path,
    tmp_path: Path,
    workers: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("fedcmr.ingest.export.FEW_STUDIES", 0)
    ingest(dicom, tmp_path / "set", labels, workers=workers)
    assert files(tmp_path / "set") == files(whole)


def test_a_moved_export_gives_the_same_arrays(dicom: Path, whole: Path, tmp_path: Path) -> None:
    for number, path in enumerate(sorted(dicom.rglob("im*"))):
        (tmp_path / f"{(number * 7919) % 1000}-{number}").write_bytes(path.read_bytes())
    ingest(tmp_path, tmp_path.with_name("moved-set"))
    moved = open_dataset(tmp_path.with_name("moved-set"))
    assert moved.array_sha256 == open_dataset(whole).array_sha256


def test_damaged_pixels_exclude_the_study_and_not_the_run(dicom: Path, tmp_path: Path) -> None:
    shutil.copytree(dicom, tmp_path / "export")
    blank = dicom_files.cine(np.zeros((6, 12, 64, 64), np.uint16), change=of("P7", "1.7"))
    dicom_files.write(tmp_path / "export" / "blank", blank)
    summary = ingest(tmp_path / "export", tmp_path / "set")
    assert summary.studies == 4
    (row,) = [row for row in exclusions(tmp_path / "set") if row["scope"] == "study"]
    assert (row["code"], row["files"], row["frames"]) == ("blank", "72", "72")


def test_an_export_without_cine_gives_an_empty_data_set(tmp_path: Path) -> None:
    dicom_files.write(tmp_path / "export", dicom_files.scouts())
    summary = ingest(tmp_path / "export", tmp_path / "set")
    assert (summary.studies, summary.exclusions) == (0, {"no_trigger_time": 3})
    assert open_dataset(tmp_path / "set").records == ()


def test_phantoms_are_marked(tmp_path: Path) -> None:
    objects = dicom_files.cine(change=of("P1", "1.1", DeviceSerialNumber="FEDCMR-PHANTOM"))
    dicom_files.write(tmp_path / "export", objects)
    assert ingest(tmp_path / "export", tmp_path / "set").phantom
    assert open_dataset(tmp_path / "set").manifest.phantom


def test_wrong_labels_leave_a_finished_data_set_alone(
    dicom: Path, labels: Path, tmp_path: Path
) -> None:
    ingest(dicom, tmp_path / "set", labels)
    (tmp_path / "bad.csv").write_text("patient_id,scar\nP1,7\n")
    before = files(tmp_path / "set")
    with pytest.raises(DataError, match="line 2"):
        ingest(dicom, tmp_path / "set", tmp_path / "bad.csv")
    with pytest.raises(DataError, match="no files"):
        ingest(tmp_path / "nowhere", tmp_path / "set")
    assert files(tmp_path / "set") == before
