from pathlib import Path

import dicom_files
import numpy as np
import pytest
from pydicom.dataset import FileDataset

from fedcmr.dicom.refusal import RefusedError
from fedcmr.ingest.lge import late_stacks
from fedcmr.ingest.scan import scan_export
from fedcmr.ingest.study import CineStudy


def scan(folder: Path, late: list[FileDataset]) -> CineStudy:
    dicom_files.write(folder, dicom_files.cine() + late)
    (study,) = scan_export(folder, workers=1).studies
    return study


def moved(offset_mm: float) -> list[FileDataset]:
    objects = dicom_files.late_enhancement()
    for z, ds in enumerate(objects):
        place = dicom_files.origin(z) + offset_mm * dicom_files.APEXWARD
        ds.ImagePositionPatient = [f"{value:.6g}" for value in place]
    return objects


def tilted(degrees: float) -> list[FileDataset]:
    """Turned about the rows."""
    row, column = (np.array(dicom_files.SHORT_AXIS[i : i + 3]) for i in (0, 3))
    angle = np.radians(degrees)
    turned = np.cos(angle) * column + np.sin(angle) * np.cross(row, column)
    objects = dicom_files.late_enhancement()
    for ds in objects:
        ds.ImageOrientationPatient = [f"{value:.8f}" for value in (*row, *turned)]
    return objects


def elsewhere() -> list[FileDataset]:
    objects = dicom_files.late_enhancement()
    for ds in objects:
        ds.FrameOfReferenceUID = "1.2.3.99"
    return objects


def test_psir_comes_before_magnitude(tmp_path: Path) -> None:
    psir = dicom_files.late_enhancement(real=True)
    for ds in psir:
        ds.SeriesInstanceUID = "1.2.3.10"
    stacks = late_stacks(scan(tmp_path, psir + dicom_files.late_enhancement()))
    assert [stack.component for stack in stacks] == ["real", "magnitude"]
    assert [len(stack.grids) for stack in stacks] == [6, 6]
    assert stacks[0].series == {"1.2.3.10"}


def test_near_and_little_tilted_fits(tmp_path: Path) -> None:
    assert late_stacks(scan(tmp_path / "a", moved(-3.9)[:1]))
    assert late_stacks(scan(tmp_path / "b", tilted(25)))  # cosine 0.906


@pytest.mark.parametrize(
    ("late", "code"),
    [
        ([], "no_lge"),
        (elsewhere(), "lge_other_frame"),
        (tilted(26.5), "lge_other_plane"),  # cosine 0.895
        (moved(-4.1)[:1], "lge_too_far"),  # the most basal slice, beyond the base of the cine
    ],
    ids=["none", "frame", "plane", "distance"],
)
def test_what_does_not_fit_is_refused_with_its_reason(
    tmp_path: Path, late: list[FileDataset], code: str
) -> None:
    with pytest.raises(RefusedError) as refusal:
        late_stacks(scan(tmp_path, late))
    assert refusal.value.code == code
