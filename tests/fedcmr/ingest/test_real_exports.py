"""The facts that ingest must find in real public files."""

import csv
import hashlib
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from fedcmr.config import Preprocessing
from fedcmr.data.store import open_dataset
from fedcmr.ingest.export import ingest_export
from fedcmr.ingest.prepare import prepare
from fedcmr.ingest.scan import Export, scan_export
from fedcmr.ingest.study import CineStudy, read_cine

KEY = bytes(range(32))


@pytest.fixture(scope="module")
def scd(real_data: Path) -> Path:
    return real_data / "scd"


@pytest.fixture(scope="module")
def export(scd: Path) -> Export:
    return scan_export(scd, workers=1)


def contours(scd: Path, study: CineStudy) -> list[np.ndarray]:
    """Endocardial contours as (y, x) in millimetres from the first pixel."""
    folder = scd / study.patient_id / "contours" / "i-contours"
    spacing = study.spacing_mm
    return [np.loadtxt(path)[:, ::-1] * spacing for path in sorted(folder.glob("*.txt"))]


def test_scd_is_three_cine_studies(scd: Path, tmp_path: Path) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text("patient_id,scar\nSCD0000201,1\nSCD0000301,1\nSCD0000401,1\n")
    ingest_export(
        dicom=scd, labels=labels, out=tmp_path / "set", preprocessing=Preprocessing(), key=KEY
    )
    records = open_dataset(tmp_path / "set").records
    found = sorted((r.slices, r.phases, r.slice_distance_mm, r.spacing_mm) for r in records)
    assert found == [(10, 20, 8.0, 1.2891), (11, 20, 8.0, 1.3672), (13, 20, 10.0, 1.3672)]
    assert {(r.vendor, r.field_strength, r.model) for r in records} == {("GE", "1.5T", "Signa HDx")}
    assert {r.scar for r in records} == {1}
    assert sorted(r.rr_ms for r in records) == [697.0, 923.0, 1016.0]
    assert not any(r.flags for r in records)
    with (tmp_path / "set" / "exclusions.csv").open() as file:
        rows = list(csv.DictReader(file))
    scouts = Counter()
    for row in rows:
        if row["code"] == "no_trigger_time":
            scouts[row["study"]] += int(row["files"])
            assert "scout" in row["reason"]
    assert scouts == {record.study: 15 for record in records}
    assert {row["code"] for row in rows} == {"no_trigger_time", "not_dicom"}


def test_scd_grid_is_slice_by_slice_and_phase_by_phase(scd: Path, export: Export) -> None:
    expected = json.loads((scd / "EXPECTED.json").read_text())
    assert len(export.studies) == 3
    for study in export.studies:
        facts = expected[study.patient_id]
        assert (study.slices, study.phases) == (facts["slices"], facts["phases"])
        # contours are numbered slice * 20 + phase, from the base
        numbers = [[int(Path(f.image.path).stem) for f in row] for row in study.grid]
        count = study.slices * study.phases
        assert numbers == np.arange(1, count + 1).reshape(study.slices, -1).tolist()
        assert set(np.round(study.rr_ms)) <= set(facts["nominal_interval_ms"])


def test_scd_crop_is_on_the_left_ventricle(scd: Path, export: Export) -> None:
    for study in export.studies:
        prepared = prepare(read_cine(scd, study), Preprocessing())
        outlines = contours(scd, study)
        centre = np.mean([outline.mean(axis=0) for outline in outlines], axis=0)
        assert np.hypot(*(centre - prepared.preparation.centre_mm)) < 10
        # every outline lies within the 120 mm crop of the smallest experiment, the half of 192
        reach = max(np.abs(o - prepared.preparation.centre_mm).max() for o in outlines)
        assert reach < 60


def test_scd_keeps_the_slices_with_a_ventricle(scd: Path, export: Export) -> None:
    for study in export.studies:
        done = prepare(read_cine(scd, study), Preprocessing()).preparation
        kept = range(done.first_slice, done.first_slice + done.kept_slices)
        outlined = {
            (int(path.name.split("-")[2]) - 1) // study.phases
            for path in (scd / study.patient_id / "contours" / "i-contours").glob("*.txt")
        }
        assert outlined <= set(kept)


@pytest.mark.parametrize(
    ("folder", "files"),
    [
        ("vendor_mr", {"mosaic": 2, "no_trigger_time": 24, "not_dicom": 1}),
        (
            "odd_pydicom",
            {
                "duplicate_file": 6,
                "no_sop_class": 1,
                "no_transfer_syntax": 1,
                "no_trigger_time": 1,
                "not_dicom": 2,
                "not_mr_image": 4,
                "truncated_pixels": 1,
            },
        ),
    ],
)
def test_other_files_give_no_study_and_a_reason_each(
    real_data: Path, tmp_path: Path, folder: str, files: dict[str, int]
) -> None:
    summary = ingest_export(
        dicom=real_data / folder,
        labels=None,
        out=tmp_path / "set",
        preprocessing=Preprocessing(),
        key=KEY,
    )
    assert summary.studies == 0
    with (tmp_path / "set" / "exclusions.csv").open() as file:
        rows = list(csv.DictReader(file))
    counted = Counter()
    for row in rows:
        counted[row["code"]] += int(row["files"])
    assert counted == files
    assert counted.total() == summary.files


def test_twice_is_the_same_to_the_byte(
    scd: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fedcmr.ingest.export.FEW_STUDIES", 0)
    digests = []
    for workers in (1, 2):
        out = tmp_path / str(workers)
        ingest_export(
            dicom=scd,
            labels=None,
            out=out,
            preprocessing=Preprocessing(),
            key=KEY,
            workers=workers,
        )
        digests.append(
            {
                path.relative_to(out): hashlib.sha256(path.read_bytes()).hexdigest()
                for path in out.rglob("*")
                if path.is_file()
            }
        )
    assert digests[0] == digests[1]
    assert len(digests[0]) == 12
