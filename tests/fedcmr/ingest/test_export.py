import csv
import hashlib
import logging
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import dicom_files
import numpy as np
import pydicom
import pytest
from dicom_files import Change
from pydicom.dataset import Dataset

from fedcmr.config import Preprocessing
from fedcmr.data.store import open_dataset
from fedcmr.errors import DataError
from fedcmr.ingest.export import IngestSummary, ingest_export
from fedcmr.ingest.prepare import prepare
from fedcmr.ingest.scan import scan_export
from fedcmr.ingest.study import read_cine

KEY = bytes(range(32))
SMALL = Preprocessing(slices=6, phases=10, spacing_mm=3.0, size=32)


def of(patient: str, study: str, **values: object) -> Change:
    def change(ds: Dataset, _z: int, _t: int) -> None:
        ds.PatientID, ds.StudyInstanceUID = patient, study
        for name, value in values.items():
            setattr(ds, name, value)

    return change


@pytest.fixture(scope="module")
def dicom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three patients, one with two studies, and files that are not used."""
    folder = tmp_path_factory.mktemp("export")
    studies = (("P1", "1.1"), ("P2", "1.2"), ("P2", "1.3"), ("P3", "1.4"))
    for seed, (patient, study) in enumerate(studies):
        change = of(patient, study, Manufacturer="GE MEDICAL SYSTEMS")
        objects = dicom_files.cine(dicom_files.heart(seed=seed), change=change)
        dicom_files.write(folder / f"dir{seed}", objects)
    dicom_files.write(folder / "more", dicom_files.scouts())
    (folder / "more" / "readme.txt").write_text("no image")
    return folder


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("labels") / "labels.csv"
    path.write_text(
        "patient_id,scar,mvo,aetiology,age\nP1,1,0,ischaemic,71\nP2,0,,none,\nP9,1,,,\n"
    )
    return path


def ingest(dicom: Path, out: Path, labels: Path | None = None, **options: object) -> IngestSummary:
    values: dict[str, object] = {"preprocessing": SMALL, "key": KEY, "workers": 1}
    return ingest_export(dicom=dicom, labels=labels, out=out, **(values | options))  # type: ignore[arg-type]  # values by name


def files(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def exclusions(out: Path) -> list[dict[str, str]]:
    with (out / "exclusions.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def whole(dicom: Path, labels: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data set of one undisturbed run."""
    out = tmp_path_factory.mktemp("whole") / "set"
    ingest(dicom, out, labels)
    return out


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


def test_finished_studies_are_not_done_again(
    dicom: Path, labels: Path, whole: Path, tmp_path: Path
) -> None:
    out = tmp_path / "set"
    ingest(dicom, out, labels)
    times = {path: path.stat().st_mtime_ns for path in (out / "studies").iterdir()}
    assert ingest(dicom, out, labels).resumed == 4
    assert {path: path.stat().st_mtime_ns for path in (out / "studies").iterdir()} == times
    assert files(out) == files(whole)


@pytest.mark.parametrize("ending", [".npy", ".overview.npy"])
@pytest.mark.parametrize("damage", ["missing", "cut"])
def test_a_lost_or_damaged_file_is_made_again(
    dicom: Path, labels: Path, whole: Path, tmp_path: Path, ending: str, damage: str
) -> None:
    out = tmp_path / "set"
    ingest(dicom, out, labels)
    path = out / "studies" / f"{open_dataset(out).records[0].study}{ending}"
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-2])
    assert ingest(dicom, out, labels).resumed == 3
    assert files(out) == files(whole)


def test_other_pixels_under_the_same_headers_give_another_array(tmp_path: Path) -> None:
    export, out = tmp_path / "export", tmp_path / "set"
    dicom_files.write(export, dicom_files.cine(dicom_files.heart(), change=of("P1", "1.1")))
    ingest(export, out)
    before = open_dataset(out).array_sha256
    for path in export.iterdir():
        ds = pydicom.dcmread(path)
        ds.PixelData = ds.PixelData[::-1]
        ds.save_as(path)
    assert ingest(export, out).resumed == 0
    after = open_dataset(out).array_sha256
    assert before.keys() == after.keys()
    assert before != after


class Killed(BaseException):
    """Stands for kill -9: nothing after it runs."""


@pytest.mark.parametrize("step", range(1, 16))
def test_killed_at_any_write_and_started_again_is_the_same(
    dicom: Path,
    labels: Path,
    whole: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    step: int,
) -> None:
    out, count = tmp_path / "set", 0
    real = Path.replace

    def replace(self: Path, target: Path) -> Path:
        nonlocal count
        count += 1
        if count == step:
            raise Killed
        return real(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", replace)
        with pytest.raises(Killed):
            ingest(dicom, out, labels)
    with pytest.raises(DataError, match=r"dataset\.yaml is missing"):
        open_dataset(out)
    ingest(dicom, out, labels)
    assert files(out) == files(whole)


def test_a_killed_process_is_resumed(
    dicom: Path, labels: Path, whole: Path, tmp_path: Path
) -> None:
    """The real thing: SIGKILL to a process with workers, after the first study is there."""
    out = tmp_path / "set"
    script = (
        "import sys; from pathlib import Path\n"
        "from fedcmr.config import Preprocessing\n"
        "from fedcmr.ingest import export\n"
        "if __name__ == '__main__':\n"
        "    export.FEW_STUDIES = 0\n"
        "    export.ingest_export(dicom=Path(sys.argv[1]), labels=Path(sys.argv[2]),\n"
        "        out=Path(sys.argv[3]), key=bytes(range(32)), workers=2,\n"
        f"       preprocessing=Preprocessing.model_validate_json('{SMALL.canonical_json()}'))\n"
    )
    main = tmp_path / "main.py"
    main.write_text(script)
    process = subprocess.Popen([sys.executable, main, dicom, labels, out])
    deadline = time.monotonic() + 60
    while not list(out.glob("studies/*.json")) and time.monotonic() < deadline:
        if process.poll() is not None:
            break
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert list(out.glob("studies/*.json"))
    ingest(dicom, out, labels)
    assert files(out) == files(whole)


def test_an_added_patient_leaves_the_others_as_they_were(
    dicom: Path, whole: Path, tmp_path: Path
) -> None:
    out = tmp_path / "set"
    few = tmp_path / "export"
    for name in ("dir1", "dir2", "dir3", "more"):
        shutil.copytree(dicom / name, few / name)
    ingest(few, out)
    assert len(open_dataset(out).records) == 3
    shutil.copytree(dicom / "dir0", few / "dir0")
    assert ingest(few, out).resumed == 3
    assert open_dataset(out).array_sha256 == open_dataset(whole).array_sha256


def test_a_study_that_left_the_export_leaves_the_data_set(dicom: Path, tmp_path: Path) -> None:
    shutil.copytree(dicom, tmp_path / "export")
    ingest(tmp_path / "export", tmp_path / "set")
    for path in (tmp_path / "export" / "dir0").iterdir():
        path.unlink()
    ingest(tmp_path / "export", tmp_path / "set")
    assert len(open_dataset(tmp_path / "set").records) == 3
    assert len(list((tmp_path / "set" / "studies").iterdir())) == 9


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
