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
