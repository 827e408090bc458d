from pathlib import Path

import dicom_files
import mask_files
import numpy as np
import pytest

from fedcmr.dicom.refusal import RefusedError
from fedcmr.ingest.mask_read import MaskSlice, read_mask
from fedcmr.ingest.study import MaskFile

MASK = mask_files.drawn()


def read(path: Path) -> list[MaskSlice]:
    return read_mask(MaskFile(path.parent, path.name))


def refused(path: Path) -> str:
    with pytest.raises(RefusedError) as refusal:
        read(path)
    return refusal.value.code


def save(path: Path, **changes: object) -> Path:
    mask_files.segmentation(MASK, **changes).save_as(path, enforce_file_format=True)  # type: ignore[arg-type]  # values by name
    return path


def assert_drawn(planes: list[MaskSlice], mask: np.ndarray) -> None:
    """Every labelled pixel lies where the late enhancement has it."""
    assert len(planes) == len(mask)
    for plane in planes:
        away = plane.grid.points()[..., None, :] - np.array(
            [dicom_files.origin(z) for z in range(len(mask))]
        )
        z = int(np.argmin(np.abs(away[0, 0] @ dicom_files.APEXWARD)))
        row, column = (np.array(dicom_files.SHORT_AXIS[i : i + 3]) for i in (0, 3))
        x, y = (np.rint(away[:, :, z] @ d / 3).astype(int) for d in (row, column))
        np.testing.assert_array_equal(plane.labels, mask[z][y, x])


def test_nifti_with_any_order_of_axes(tmp_path: Path) -> None:
    plain = mask_files.write_nifti(tmp_path / "a.nii.gz", MASK)
    assert_drawn(read(plain), MASK)
    flip = np.diag([1.0, -1, 1, 1])
    flip[1, 3] = 63
    flipped = mask_files.write_nifti(tmp_path / "b.nii", MASK[:, ::-1], mask_files.affine() @ flip)
    assert_drawn(read(flipped), MASK)
    order = [2, 0, 1, 3]
    rolled = MASK.transpose(1, 2, 0)  # columns last, slices first, once write_nifti turned it
    turned = mask_files.write_nifti(tmp_path / "c.nii.gz", rolled, mask_files.affine()[:, order])
    assert_drawn(read(turned), MASK)


@pytest.mark.parametrize("kind", ["BINARY", "LABELMAP"])
def test_segmentation(tmp_path: Path, kind: str) -> None:
    assert_drawn(read(save(tmp_path / "seg.dcm", kind=kind)), MASK)


def test_a_segment_is_known_by_its_code_too(tmp_path: Path) -> None:
    ds = mask_files.segmentation(MASK, names=("1", "2", "3"))
    from pydicom.dataset import Dataset
    from pydicom.sequence import Sequence

    meanings = ("Myocardial infarction", "Microvascular obstruction", "Myocardium structure")
    for segment, meaning in zip(ds.SegmentSequence, meanings, strict=True):
        code = Dataset()
        code.CodeMeaning = meaning
        segment.SegmentedPropertyTypeCodeSequence = Sequence([code])
    ds.save_as(tmp_path / "seg", enforce_file_format=True)
    assert_drawn(read(tmp_path / "seg"), MASK)


def test_a_plane_of_background_is_not_a_negative(tmp_path: Path) -> None:
    mask = MASK.copy()
    mask[4] = 0
    planes = read(mask_files.write_nifti(tmp_path / "a.nii.gz", mask))
    assert len(planes) == 5


def test_what_is_no_mask_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.nii.gz").write_bytes(b"nothing")
    assert refused(tmp_path / "x.nii.gz") == "mask_unreadable"
    (tmp_path / "x.dcm").write_bytes(b"nothing")
    assert refused(tmp_path / "x.dcm") == "mask_unreadable"
    assert refused(mask_files.write_nifti(tmp_path / "e.nii", MASK * 0)) == "mask_empty"
    assert refused(mask_files.write_nifti(tmp_path / "l.nii", MASK * 2)) == "mask_labels"
    half = mask_files.write_nifti(tmp_path / "f.nii", MASK * np.float32(0.5))
    assert refused(half) == "mask_labels"
    assert refused(save(tmp_path / "n", names=("infarct", "MVO", "tumour"))) == "mask_labels"
    assert refused(save(tmp_path / "p", kind="FRACTIONAL")) == "mask_labels"
