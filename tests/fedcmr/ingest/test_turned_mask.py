"""A mask lies on the same wall however a scanner turned and mirrored its cine."""

from pathlib import Path

import dicom_files
import mask_files
import numpy as np
import pytest
from ingested import ingest

from fedcmr.config import Preprocessing
from fedcmr.data.store import open_dataset

SLICES = Preprocessing(slices=1, phases=10, spacing_mm=3.0, size=32, margin=8)
WIDE = dicom_files.heart()[..., 8:]
"""Fewer columns than rows; the first eight are cut off."""


def stored(root: Path, *, transpose: bool, flip_y: bool, flip_x: bool) -> tuple[np.ndarray, ...]:
    row, column = np.array(dicom_files.SHORT_AXIS[:3]), np.array(dicom_files.SHORT_AXIS[3:])
    turned, corner = WIDE, 8 * 3 * row
    if flip_y:
        turned, corner, column = turned[:, :, ::-1], corner + column * 63 * 3, -column
    if flip_x:
        turned, corner, row = turned[..., ::-1], corner + row * 55 * 3, -row
    if transpose:
        turned, row, column = turned.swapaxes(2, 3), column, row
    objects = dicom_files.cine(np.ascontiguousarray(turned))
    for ds in objects:
        position = np.array(ds.ImagePositionPatient, float) + corner
        ds.ImagePositionPatient = [f"{value:.6g}" for value in position]
        ds.ImageOrientationPatient = [f"{value:.9g}" for value in (*row, *column)]
    dicom_files.write(root / "dicom", objects + dicom_files.late_enhancement(real=True))
    mask_files.write_nifti(root / "masks" / "P1.nii.gz", mask_files.drawn())
    ingest(root / "dicom", root / "set", preprocessing=SLICES, masks=root / "masks")
    data = open_dataset(root / "set")
    return data.load(data.records[0])[:, 0], data.load_mask(data.records[0])


@pytest.mark.parametrize(
    ("transpose", "flip_y", "flip_x"),
    [(False, True, False), (False, False, True), (True, False, False), (True, True, False)],
)
def test_every_turned_cine_gets_the_same_mask(
    tmp_path: Path, transpose: bool, flip_y: bool, flip_x: bool
) -> None:
    _, wanted = stored(tmp_path / "plain", transpose=False, flip_y=False, flip_x=False)
    assert {*np.unique(wanted).tolist()} == {0, 1, 2, 3}
    cine, found = stored(tmp_path / "turned", transpose=transpose, flip_y=flip_y, flip_x=flip_x)
    np.testing.assert_array_equal(found, wanted)
    assert cine[found > 0].mean() < 0.5 * cine[found == 0].mean()


def test_a_tilted_mask_is_laid_by_where_it_cuts_the_heart(tmp_path: Path) -> None:
    """Twelve degrees about the heart, which lies at the edge: the middles are 16 mm apart."""
    row, column = np.array(dicom_files.SHORT_AXIS[:3]), np.array(dicom_files.SHORT_AXIS[3:])
    tilted = np.cos(np.radians(12)) * column + np.sin(np.radians(12)) * dicom_files.APEXWARD
    heart = dicom_files.origin(0) + 64 * 3 * (0.6 * row + 0.55 * column)
    first = heart - 3 * (38 * row + 57 * tilted)
    late = dicom_files.late_enhancement(real=True)
    for z, ds in enumerate(late):
        position = first + z * 8 * dicom_files.APEXWARD
        ds.ImagePositionPatient = [f"{value:.9g}" for value in position]
        ds.ImageOrientationPatient = [f"{value:.9g}" for value in (*row, *tilted)]
    dicom_files.write(tmp_path / "dicom", dicom_files.cine() + late)
    mask = np.zeros((6, 64, 64), np.uint8)
    mask[:, 50:60, 30:46] = 3
    mask[2:4, 55:58, 36:40] = 2
    affine = mask_files.affine()
    affine[:3, 1], affine[:3, 3] = 3 * tilted * (-1, -1, 1), first * (-1, -1, 1)
    mask_files.write_nifti(tmp_path / "masks" / "P1.nii.gz", mask, affine)
    ingest(tmp_path / "dicom", tmp_path / "set", preprocessing=SLICES, masks=tmp_path / "masks")
    (record,) = open_dataset(tmp_path / "set").records
    assert record.mvo_slices == (0, 0, 1, 1, 0, 0)
    assert "mask_left_over" not in record.flags
