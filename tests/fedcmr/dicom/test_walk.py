from pathlib import Path

import dicom_files
import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from fedcmr.dicom import tags
from fedcmr.dicom.enhanced import enhanced_frames
from fedcmr.dicom.header import _parse
from fedcmr.dicom.quiet import quiet
from fedcmr.dicom.walk import walk


def content(folder: Path, *, implicit: bool = False, **values: object) -> bytes:
    ds = dicom_files.classic(dicom_files.heart(1, 1)[0, 0], implicit=implicit)
    dicom_files.place(ds, position=(1, 2, 3), time=40.5)
    item = Dataset()
    item.ReferencedSOPInstanceUID = "1.2"
    ds.ReferencedStudySequence = [item]
    ds.private_block(0x0029, "SITE", create=True).add_new(1, "OB", b"\1" * 3000)
    for name, value in values.items():
        setattr(ds, name, value)
    dicom_files.write(folder, [ds])
    return (folder / "im0000").read_bytes()


def assert_as_pydicom(data: bytes) -> None:
    found = walk(data)
    assert found is not None
    with quiet():
        syntax, elements, end = _parse(data)
    assert (found[0], found[2]) == (syntax, end)
    for tag in tags.CLASSIC:
        assert found[1].text(tag) == elements.text(tag)


@pytest.mark.parametrize("implicit", [False, True])
def test_finds_what_pydicom_finds(tmp_path: Path, implicit: bool) -> None:
    assert_as_pydicom(content(tmp_path, implicit=implicit))


def test_a_cut_header_is_not_plain(tmp_path: Path) -> None:
    data = content(tmp_path)
    end = data.rindex(b"\xe0\x7f\x10\x00")
    whole = walk(data)
    assert whole is not None
    assert whole[2] == end
    assert all(walk(data[:length]) is None for length in range(0, end, 5))


def test_other_objects_and_syntaxes_are_left_to_pydicom(tmp_path: Path) -> None:
    assert walk(content(tmp_path / "a", SOPClassUID="1.2.840.10008.5.1.4.1.1.2")) is None
    data = content(tmp_path / "b")
    little, big = b"1.2.840.10008.1.2.1\0", ExplicitVRBigEndian.encode() + b"\0"
    assert walk(data.replace(little, big)) is None
    assert walk(data.replace(b"\x08\x00\x70\x00LO", b"\x08\x00\x70\x00ZZ")) is None
    assert walk(data.replace(b"\x08\x00\x70\x00LO", b"\x08\x00\x10\x00LO")) is None


@pytest.mark.parametrize("implicit", [False, True])
@pytest.mark.parametrize("undefined", [False, True])
def test_functional_groups_are_read_as_pydicom_reads_them(
    tmp_path: Path, implicit: bool, undefined: bool
) -> None:
    pixels = dicom_files.heart(1, 3, size=16)[0]
    ds = dicom_files.enhanced(pixels, np.array([10.0, 20.5, 30.0]), [(1, 2, 3)] * 3)
    ds.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
    ds.ReferencedStudySequence = [Dataset()]
    if undefined:
        for sequence in [element for element in ds.iterall() if element.VR == "SQ"]:
            sequence.is_undefined_length = True
            for item in sequence.value:
                item.is_undefined_length_sequence_item = True
    dicom_files.write(tmp_path, [ds])
    data = (tmp_path / "im0000").read_bytes()
    assert_as_pydicom(data)
    found = walk(data)
    assert found is not None
    with quiet():
        expected = list(enhanced_frames(_parse(data)[1]))
    assert list(enhanced_frames(found[1])) == expected
    assert [frame.time_ms for frame in expected] == [10.0, 20.5, 30.0]
    cuts = [walk(data[:length]) for length in range(0, found[2], 7)]
    assert cuts == [None] * len(cuts)


def test_real_files(real_data: Path) -> None:
    walked = 0
    for path in sorted(real_data.rglob("*")):
        data = path.read_bytes() if path.is_file() else b""
        if data[128:132] == b"DICM" and walk(data) is not None:
            assert_as_pydicom(data)
            walked += 1
    assert walked > 750
