"""Several stacks, copies and other files beside the cine, each on a small synthetic export."""

from pathlib import Path

import dicom_files
import numpy as np
import pytest
from dicom_files import Change
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid
from scan_files import PIXELS, as_series, assert_whole, codes, enhanced_copy, scan, setting

from fedcmr.ingest.scan import scan_export
from fedcmr.ingest.study import read_cine


def test_06_a_frame_of_reference_of_its_own_for_each_file(tmp_path: Path) -> None:
    def change(ds: Dataset, _z: int, _t: int) -> None:
        ds.FrameOfReferenceUID = generate_uid()

    assert_whole(scan(tmp_path, dicom_files.cine(change=change)))


@pytest.mark.parametrize("again", [as_series("1.2.3.44", 5), setting(FrameOfReferenceUID="1.9")])
def test_09_a_stack_acquired_again(tmp_path: Path, again: Change) -> None:
    newer = dicom_files.heart(seed=9)

    def change(ds: Dataset, z: int, t: int) -> None:
        again(ds, z, t)
        ds.AcquisitionNumber = 7

    export = scan(tmp_path, dicom_files.cine(newer, change=change) + dicom_files.cine())
    assert_whole(export, newer)
    assert codes(export) == {"other_cine": 72}


def test_09_more_slices_are_preferred_to_a_later_stack(tmp_path: Path) -> None:
    later = dicom_files.cine(dicom_files.heart(slices=5, seed=9), change=as_series("1.2.3.44", 9))
    export = scan(tmp_path, later + dicom_files.cine())
    assert_whole(export)
    assert codes(export) == {"other_cine": 60}


def test_11_magnitude_and_phase_in_one_series(tmp_path: Path) -> None:
    phase = setting(ImageType=["DERIVED", "PRIMARY", "P", "RETRO"], RescaleSlope="2")
    export = scan(
        tmp_path, dicom_files.cine(dicom_files.heart(seed=4), change=phase) + dicom_files.cine()
    )
    assert_whole(export)
    assert codes(export) == {"phase_image": 72}


def test_11_two_echoes_in_one_series(tmp_path: Path) -> None:
    second = dicom_files.cine(dicom_files.heart(seed=4), change=setting(EchoTime="3.6"))
    export = scan(tmp_path, second + dicom_files.cine())
    assert_whole(export)
    assert codes(export) == {"second_echo": 72}


def test_11_late_enhancement_as_magnitude_and_psir(tmp_path: Path) -> None:
    late = dicom_files.late_enhancement() + dicom_files.late_enhancement(real=True)
    export = scan(tmp_path, dicom_files.cine() + late)
    assert_whole(export)
    assert [e.frames for e in export.exclusions if e.code == "lge"] == [6, 6]


def test_13_classic_and_enhanced_copies(tmp_path: Path) -> None:
    export = scan(tmp_path, [enhanced_copy(PIXELS), *dicom_files.cine()])
    assert_whole(export)
    assert codes(export) == {"copy": 1}


def test_13_the_same_files_twice(tmp_path: Path) -> None:
    objects = dicom_files.cine()
    dicom_files.write(tmp_path / "a", objects)
    dicom_files.write(tmp_path / "b", objects)
    export = scan_export(tmp_path, workers=1)
    assert_whole(export)
    assert codes(export) == {"duplicate_file": 72}


def test_one_instance_uid_for_all_files_is_no_proof_of_copies(tmp_path: Path) -> None:
    assert_whole(scan(tmp_path, dicom_files.cine(change=setting(SOPInstanceUID="1.2"))))


def test_15_other_files_beside(tmp_path: Path) -> None:
    dicom_files.write(tmp_path, dicom_files.cine())
    (tmp_path / "._im0000").write_bytes(b"\0\5\x16\7")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "notes.txt").write_text("hello")
    report = dicom_files.classic(PIXELS[0, 0])
    report.SOPClassUID = "1.2.840.10008.5.1.4.1.1.88.11"
    dicom_files.write(tmp_path, [report], "sr")
    export = scan_export(tmp_path, workers=1)
    assert_whole(export)
    assert codes(export) == {"appledouble": 1, "not_dicom": 1, "not_mr_image": 1}


def test_a_series_for_every_slice(tmp_path: Path) -> None:
    def change(ds: Dataset, z: int, _t: int) -> None:
        ds.SeriesInstanceUID, ds.SeriesNumber = f"1.2.3.4.{z}", 10 + z

    assert_whole(scan(tmp_path, dicom_files.cine(change=change)))


def test_a_series_for_every_phase(tmp_path: Path) -> None:
    def change(ds: Dataset, _z: int, t: int) -> None:
        ds.SeriesInstanceUID, ds.SeriesNumber = f"1.2.3.4.{t}", 10 + t

    assert_whole(scan(tmp_path, dicom_files.cine(change=change)))


def test_two_patients_with_one_study_uid_stay_apart(tmp_path: Path) -> None:
    other = dicom_files.heart(seed=8)
    dicom_files.write(tmp_path / "a", dicom_files.cine())
    dicom_files.write(tmp_path / "b", dicom_files.cine(other, change=setting(PatientID="P2")))
    export = scan_export(tmp_path, workers=1)
    assert [study.patient_id for study in export.studies] == ["P1", "P2"]
    np.testing.assert_array_equal(read_cine(tmp_path, export.studies[1]).array, other)


def test_every_file_is_used_or_listed(tmp_path: Path) -> None:
    """Nothing is dropped silently."""
    again = dicom_files.cine(dicom_files.heart(seed=9), change=as_series("1.2.3.44", 5))[24:31]
    objects = dicom_files.cine() + again + dicom_files.scouts() + dicom_files.late_enhancement()
    export = scan(tmp_path, objects)
    (study,) = export.studies
    used = {frame.image.path for row in study.grid for frame in row}
    listed = [path for exclusion in export.exclusions for path in exclusion.paths]
    assert len(listed) == len(set(listed))
    assert used.isdisjoint(listed)
    assert len(used) + len(listed) == export.files
