from collections.abc import Callable
from pathlib import Path

import dicom_files
import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileDataset
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian

from fedcmr.dicom.header import HEADER_BYTES, ImageHeader, read_header
from fedcmr.dicom.quiet import quiet
from fedcmr.dicom.refusal import RefusedError


def one() -> FileDataset:
    ds = dicom_files.classic(dicom_files.heart(1, 1)[0, 0])
    dicom_files.place(ds, position=(1, 2, 3), time=40.5, rr=812)
    return ds


def read(ds: FileDataset, folder: Path, **options: bool) -> ImageHeader:
    ds.save_as(folder / "f", enforce_file_format=True, **options)
    with quiet():
        return read_header(folder, "f")


def code_of(content: bytes, folder: Path, name: str = "f") -> str:
    (folder / name).write_bytes(content)
    with pytest.raises(RefusedError) as caught, quiet():
        read_header(folder, name)
    return caught.value.code


def content_of(ds: FileDataset, folder: Path) -> bytes:
    ds.save_as(folder / "made", enforce_file_format=True)
    return (folder / "made").read_bytes()


def test_reads_a_classic_object(tmp_path: Path) -> None:
    header = read(one(), tmp_path)
    (frame,) = header.frames
    assert (header.patient_id, header.study_uid, header.sex, header.age) == (
        "P1",
        "1.2.3",
        "F",
        "047Y",
    )
    assert header.field_strength == 1.5
    assert not header.enhanced
    assert not header.inversion
    assert frame.position == (1.0, 2.0, 3.0)
    assert frame.orientation == pytest.approx(dicom_files.SHORT_AXIS)
    assert (frame.time_ms, frame.rr_ms, frame.echo_ms) == (40.5, 812.0, 1.2)
    assert (frame.slope, frame.intercept, frame.component) == (1.0, 0.0, "magnitude")


def test_the_offset_is_where_the_pixels_are(tmp_path: Path) -> None:
    ds = one()
    header = read(ds, tmp_path)
    offset = header.layout.offset
    assert offset is not None
    assert (tmp_path / "f").read_bytes()[offset:] == ds.PixelData


def test_a_long_header_is_read_from_the_whole_file(tmp_path: Path) -> None:
    ds = one()
    block = ds.private_block(0x0019, "SITE", create=True)
    block.add_new(1, "OB", b"\1" * (HEADER_BYTES + 1000))
    header = read(ds, tmp_path)
    offset = header.layout.offset
    assert offset is not None
    assert offset > HEADER_BYTES
    assert (tmp_path / "f").read_bytes()[offset:] == ds.PixelData


def test_an_empty_functional_group_does_not_make_a_classic_object_enhanced(tmp_path: Path) -> None:
    ds = one()
    ds.PerFrameFunctionalGroupsSequence = [Dataset()]
    assert not read(ds, tmp_path).enhanced


def test_number_of_frames_one_is_a_classic_image(tmp_path: Path) -> None:
    ds = one()
    ds.NumberOfFrames = 1
    assert len(read(ds, tmp_path).frames) == 1


def test_invalid_values_elsewhere_do_not_matter(tmp_path: Path) -> None:
    """As in real de-identified files: impossible dates, bad UIDs, wrong multiplicity."""
    with quiet():
        pydicom.config.settings.writing_validation_mode = pydicom.config.IGNORE
        try:
            ds = one()
            ds.StudyDate, ds.PatientBirthDate = "20120000", "00000000"
            ds.add_new(0x00080000, "UL", 12)
            ds.StudyInstanceUID = "1.02.3." + "4" * 60
            ds.HeartRate = ["70", "71"]
            header = read(ds, tmp_path)
        finally:
            pydicom.config.settings.writing_validation_mode = None
    assert header.study_uid == "1.02.3." + "4" * 60


def _delete(name: str) -> Callable[[FileDataset], None]:
    return lambda ds: delattr(ds, name)


def _set(name: str, value: object) -> Callable[[FileDataset], None]:
    return lambda ds: setattr(ds, name, value)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (_set("SOPClassUID", "1.2.840.10008.5.1.4.1.1.2"), "not_mr_image"),
        (_set("SOPClassUID", "1.2.840.10008.5.1.4.1.1.66"), "not_mr_image"),
        (_set("SOPClassUID", "1.2.840.10008.5.1.4.1.1.4.3"), "not_mr_image"),
        (_set("ImageType", ["ORIGINAL", "PRIMARY", "M", "ND", "MOSAIC"]), "mosaic"),
        (_set("PatientID", ""), "no_identity"),
        (_set("StudyInstanceUID", ""), "no_identity"),
        (_delete("ImagePositionPatient"), "no_geometry"),
        (_delete("ImageOrientationPatient"), "no_geometry"),
        (_delete("PixelSpacing"), "no_geometry"),
        (_delete("PixelData"), "no_pixels"),
        (_set("SamplesPerPixel", 3), "unsupported_pixels"),
        (_set("PhotometricInterpretation", "MONOCHROME1"), "unsupported_pixels"),
        (_set("PixelData", b"\0" * 100), "truncated_pixels"),
        (_set("RescaleSlope", "1e300"), "rescale_too_large"),
        (_set("RescaleIntercept", "-1e10"), "rescale_too_large"),
    ],
)
def test_refused_with_a_reason(
    tmp_path: Path, change: Callable[[FileDataset], None], code: str
) -> None:
    ds = one()
    change(ds)
    assert code_of(content_of(ds, tmp_path), tmp_path) == code


def test_a_classic_object_of_many_frames_is_refused(tmp_path: Path) -> None:
    ds = one()
    dicom_files.add_pixels(ds, np.zeros((3, 8, 8), np.uint16))
    assert code_of(content_of(ds, tmp_path), tmp_path) == "multiframe_classic"


def test_other_files_are_refused(tmp_path: Path) -> None:
    good = content_of(one(), tmp_path)
    assert code_of(b"patient_id,scar\n", tmp_path) == "not_dicom"
    assert code_of(b"", tmp_path) == "not_dicom"
    assert code_of(good, tmp_path, "._f") == "appledouble"
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n"
    assert code_of(pointer, tmp_path) == "lfs_pointer"
    assert code_of(good[:-1], tmp_path) == "truncated_pixels"
    assert code_of(good[:500], tmp_path) == "unsupported_pixels"


def test_every_cut_of_the_header_is_refused_and_never_raises_otherwise(tmp_path: Path) -> None:
    good = content_of(one(), tmp_path)
    header = len(good) - 64 * 64 * 2
    for length in range(0, header, 7):
        assert code_of(good[:length], tmp_path)


def test_big_endian_and_deflated_are_read(tmp_path: Path) -> None:
    ds = one()
    ds.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    deflated = read(ds, tmp_path)
    assert deflated.layout.offset is None
    assert deflated.layout.encoded
    assert deflated.frames == read(one(), tmp_path).frames
    ds = one()
    ds.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    ds.PixelData = np.frombuffer(ds.PixelData, "<u2").astype(">u2").tobytes()
    pydicom.dcmwrite(tmp_path / "f", ds, implicit_vr=False, little_endian=False)
    with quiet():
        big = read_header(tmp_path, "f")
    assert big.layout.big_endian
    assert big.frames == deflated.frames


@pytest.mark.parametrize("plain", [True, False])
def test_a_patient_id_in_another_character_set(tmp_path: Path, plain: bool) -> None:
    """It must match the label file, which is UTF-8, on the short and the long way through."""
    ds = one()
    ds.SpecificCharacterSet, ds.PatientID = "ISO_IR 100", "Müller-7"
    ds.ReferencedStudySequence = [Dataset()]
    ds["ReferencedStudySequence"].is_undefined_length = not plain
    assert read(ds, tmp_path).patient_id == "Müller-7"


def test_inversion_is_seen_in_classic_objects(tmp_path: Path) -> None:
    assert read(dicom_files.late_enhancement()[0], tmp_path).inversion
    oedema = dicom_files.late_enhancement()[0]
    oedema.ScanningSequence = ["SE", "IR"]
    assert not read(oedema, tmp_path).inversion


def test_odd_files_of_pydicom(real_data: Path) -> None:
    expected = {
        "CT_small.dcm": "not_mr_image",
        "ExplVR_BigEndNoMeta.dcm": "not_dicom",
        "MR_truncated.dcm": "truncated_pixels",
        "badVR.dcm": "not_mr_image",
        "image_dfl.dcm": "not_mr_image",
        "meta_missing_tsyntax.dcm": "no_transfer_syntax",
        "no_meta_group_length.dcm": "no_sop_class",
        "reportsi.dcm": "not_mr_image",
    }
    found = {}
    with quiet():
        for file in sorted((real_data / "odd_pydicom").glob("*.dcm")):
            try:
                read_header(file.parent, file.name)
            except RefusedError as refusal:
                found[file.name] = refusal.code
    assert found == expected
