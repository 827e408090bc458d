"""An ingest that is repeated, interrupted or followed by another."""

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import dicom_files
import pydicom
import pytest
from ingested import SMALL, files, ingest, of

from fedcmr.data.store import open_dataset
from fedcmr.errors import DataError


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
