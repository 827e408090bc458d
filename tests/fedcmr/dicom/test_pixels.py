from pathlib import Path

import dicom_files
import numpy as np
import pydicom
import pytest
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from fedcmr.dicom.header import read_header
from fedcmr.dicom.pixels import read_frames
from fedcmr.dicom.quiet import quiet
from fedcmr.dicom.refusal import RefusedError
from fedcmr.types import FloatArray

IMAGE = dicom_files.heart(1, 1, size=32)[0, 0]


def read_all(root: Path, path: str) -> FloatArray:
    with quiet():
        header = read_header(root, path)
        out = np.empty((len(header.frames), header.layout.rows, header.layout.columns), np.float32)
        read_frames(root, header, header.frames, list(out))
    return out


def written(folder: Path, pixels: np.ndarray, **values: object) -> pydicom.FileDataset:
    ds = dicom_files.classic(pixels)
    dicom_files.place(ds, position=(0, 0, 0))
    for name, value in values.items():
        setattr(ds, name, value)
    ds.save_as(folder / "f", enforce_file_format=True)
    return ds


@pytest.mark.parametrize("kind", [np.uint16, np.int16, np.uint8])
def test_values_with_slope_and_intercept(tmp_path: Path, kind: type[np.generic]) -> None:
    pixels = (IMAGE // 4).astype(kind)
    written(tmp_path, pixels, RescaleSlope="2.5", RescaleIntercept="-3")
    np.testing.assert_allclose(read_all(tmp_path, "f")[0], pixels * 2.5 - 3, rtol=1e-6)


def test_negative_values_of_twelve_bits_keep_their_sign(tmp_path: Path) -> None:
    pixels = (IMAGE.astype(np.int16) - 500) & 0x0FFF
    written(tmp_path, pixels, BitsStored=12, HighBit=11, PixelRepresentation=1)
    np.testing.assert_array_equal(read_all(tmp_path, "f")[0], IMAGE.astype(np.float32) - 500)


def test_an_overlay_in_unused_bits_is_dropped(tmp_path: Path) -> None:
    written(tmp_path, IMAGE | 0xF000, BitsStored=12, HighBit=11)
    np.testing.assert_array_equal(read_all(tmp_path, "f")[0], IMAGE)


def test_each_enhanced_frame_has_its_own_slope(tmp_path: Path) -> None:
    pixels = dicom_files.heart(1, 3, size=16)[0]
    ds = dicom_files.enhanced(
        pixels, np.arange(3.0), [(0, 0, 0)] * 3, slopes=[1, 10, 100], shared=False
    )
    dicom_files.write(tmp_path, [ds])
    expected = pixels * np.array([1, 10, 100], np.float32)[:, None, None]
    np.testing.assert_allclose(read_all(tmp_path, "im0000"), expected)


@pytest.mark.parametrize("syntax", [RLELossless, DeflatedExplicitVRLittleEndian])
def test_encoded_pixels_read_the_same(tmp_path: Path, syntax: str) -> None:
    ds = written(tmp_path, IMAGE)
    if syntax == RLELossless:
        ds.compress(syntax)
    ds.file_meta.TransferSyntaxUID = syntax
    ds.save_as(tmp_path / "f")
    np.testing.assert_array_equal(read_all(tmp_path, "f")[0], IMAGE)


@pytest.mark.parametrize(
    ("name", "syntax"),
    [
        ("JPEGLosslessProcess14_1", JPEGLosslessSV1),
        ("JPEGLSLossless", JPEGLSLossless),
        ("JPEG2000Lossless", JPEG2000Lossless),
    ],
)
def test_lossless_jpeg_of_archives_reads_the_same(tmp_path: Path, name: str, syntax: str) -> None:
    written(tmp_path, IMAGE)
    _encode(tmp_path / "f", name)
    with quiet():
        assert read_header(tmp_path, "f").layout.syntax == syntax
    np.testing.assert_array_equal(read_all(tmp_path, "f")[0], IMAGE)


def _encode(path: Path, name: str) -> None:
    import gdcm

    reader = gdcm.ImageReader()
    reader.SetFileName(str(path))
    assert reader.Read()
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(getattr(gdcm.TransferSyntax, name)))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer = gdcm.ImageWriter()
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    writer.SetFileName(str(path))
    assert writer.Write()


def test_a_file_cut_after_its_header_was_read_is_refused(tmp_path: Path) -> None:
    written(tmp_path, IMAGE)
    with quiet():
        header = read_header(tmp_path, "f")
        (tmp_path / "f").write_bytes((tmp_path / "f").read_bytes()[:-10])
        with pytest.raises(RefusedError) as caught:
            read_frames(tmp_path, header, header.frames, [np.empty((32, 32), np.float32)])
    assert caught.value.code == "truncated_pixels"


def test_damaged_compressed_pixels_are_refused(tmp_path: Path) -> None:
    ds = written(tmp_path, IMAGE)
    ds.compress(RLELossless)
    ds.PixelData = ds.PixelData[:60]
    ds.save_as(tmp_path / "f")
    with quiet():
        header = read_header(tmp_path, "f")
        with pytest.raises(RefusedError) as caught:
            read_frames(tmp_path, header, header.frames, [np.empty((32, 32), np.float32)])
    assert caught.value.code == "undecodable_pixels"


def test_real_encodings_agree_with_pydicom(real_data: Path) -> None:
    names = sorted((real_data / "odd_pydicom").glob("MR_small*.dcm"))
    assert len(names) == 7
    for file in names:
        expected = pydicom.dcmread(file).pixel_array
        np.testing.assert_array_equal(read_all(file.parent, file.name)[0], expected)


def test_implicit_syntax_is_read_directly(tmp_path: Path) -> None:
    ds = dicom_files.classic(IMAGE, implicit=True)
    dicom_files.place(ds, position=(0, 0, 0))
    ds.save_as(tmp_path / "f", enforce_file_format=True)
    with quiet():
        header = read_header(tmp_path, "f")
    assert ds.file_meta.TransferSyntaxUID == ImplicitVRLittleEndian
    assert header.layout.offset is not None
    np.testing.assert_array_equal(read_all(tmp_path, "f")[0], IMAGE)
