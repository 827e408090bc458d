from pathlib import Path

import dicom_files
import pytest

from fedcmr.errors import DataError
from fedcmr.ingest import scan
from fedcmr.ingest.scan import list_files, scan_export


def test_files_are_listed_in_the_order_of_their_paths(tmp_path: Path) -> None:
    paths = ["a/b/c", "a/b.d", "a.b", "a-", "b", "a/z", "A/\u00e4", "ab/x"]
    for path in paths:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    (tmp_path / "empty").mkdir()
    (tmp_path / "round").symlink_to(tmp_path)
    (tmp_path / "link").symlink_to(tmp_path / "b")
    assert list_files(tmp_path) == sorted([*paths, "link"])


def test_a_folder_without_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(DataError, match="no files"):
            scan_export(folder, workers=1)


def test_a_study_is_found_whole_however_its_files_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dicom_files.write(tmp_path, dicom_files.cine() + dicom_files.scouts())
    whole = scan_export(tmp_path, workers=1)
    monkeypatch.setattr(scan, "CHUNK", 7)
    parts = scan_export(tmp_path, workers=1)
    assert list(parts.studies) == list(whole.studies)
    assert parts.exclusions == whole.exclusions
    assert (parts.files, len(parts.studies)) == (75, 1)
