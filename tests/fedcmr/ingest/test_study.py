from pathlib import Path

import dicom_files
import numpy as np
import pytest

from fedcmr.dicom.geometry import Orientation
from fedcmr.dicom.refusal import RefusedError
from fedcmr.ingest.scan import scan_export
from fedcmr.ingest.study import CineStudy, read_cine, standard_view


def study_in(folder: Path) -> CineStudy:
    (study,) = scan_export(folder, workers=1).studies
    return study


def test_reads_the_grid_as_it_was_written(tmp_path: Path) -> None:
    pixels = dicom_files.heart()
    dicom_files.write(tmp_path, dicom_files.cine(pixels))
    study = study_in(tmp_path)
    volume = read_cine(tmp_path, study)
    np.testing.assert_array_equal(volume.array, pixels)
    assert volume.spacing_mm == (3.0, 3.0)
    assert volume.slice_distance_mm == pytest.approx(8, abs=0.01)
    assert np.abs(volume.shifts_mm).max() < 0.01
    assert volume.rr_ms == pytest.approx(900 * (1 + 0.01 * np.arange(6)))
    np.testing.assert_allclose(volume.times_ms[2], 12 + np.arange(12) * 918 / 12, atol=1e-3)
    assert (study.slices, study.phases, study.spacing_mm) == (6, 12, 3.0)


@pytest.mark.parametrize("transpose", [False, True])
@pytest.mark.parametrize("flip_y", [False, True])
@pytest.mark.parametrize("flip_x", [False, True])
def test_every_turned_and_mirrored_export_gives_the_same_volume(
    tmp_path: Path, transpose: bool, flip_y: bool, flip_x: bool
) -> None:
    pixels = dicom_files.heart()
    row, column = np.array(dicom_files.SHORT_AXIS[:3]), np.array(dicom_files.SHORT_AXIS[3:])
    turned, corner = pixels, np.zeros(3)
    if flip_y:
        turned, corner, column = turned[:, :, ::-1], corner + column * 63 * 3, -column
    if flip_x:
        turned, corner, row = turned[..., ::-1], corner + row * 63 * 3, -row
    if transpose:
        turned, row, column = turned.swapaxes(2, 3), column, row
    objects = dicom_files.cine(np.ascontiguousarray(turned))
    for ds in objects:
        position = np.array(ds.ImagePositionPatient, float) + corner
        ds.ImagePositionPatient = [f"{value:.6g}" for value in position]
        ds.ImageOrientationPatient = [f"{value:.9g}" for value in (*row, *column)]
    dicom_files.write(tmp_path, objects)
    np.testing.assert_array_equal(read_cine(tmp_path, study_in(tmp_path)).array, pixels)


def test_oblong_pixels_turn_with_the_image(tmp_path: Path) -> None:
    def change(ds: dicom_files.FileDataset, _z: int, _t: int) -> None:
        ds.PixelSpacing = [2.0, 3.0]
        ds.ImageOrientationPatient = [*dicom_files.SHORT_AXIS[3:], *dicom_files.SHORT_AXIS[:3]]

    dicom_files.write(tmp_path, dicom_files.cine(change=change))
    assert read_cine(tmp_path, study_in(tmp_path)).spacing_mm == (3.0, 2.0)


def test_shifts_in_the_plane_are_measured(tmp_path: Path) -> None:
    def change(ds: dicom_files.FileDataset, z: int, _t: int) -> None:
        shift = z * (
            2 * np.array(dicom_files.SHORT_AXIS[3:]) - np.array(dicom_files.SHORT_AXIS[:3])
        )
        position = np.array(ds.ImagePositionPatient, float) + shift
        ds.ImagePositionPatient = [f"{value:.6g}" for value in position]

    dicom_files.write(tmp_path, dicom_files.cine(change=change))
    volume = read_cine(tmp_path, study_in(tmp_path))
    np.testing.assert_allclose(volume.shifts_mm[:, 0], 2.0 * np.arange(6), atol=0.01)
    np.testing.assert_allclose(volume.shifts_mm[:, 1], -1.0 * np.arange(6), atol=0.01)


def test_the_usual_view_is_left_alone() -> None:
    plane: Orientation = (0.712221, 0.701112, -0.0343949, -0.307716, 0.267798, -0.913015)
    assert standard_view(plane)[:3] == (False, False, False)


def test_a_file_that_vanished_is_refused(tmp_path: Path) -> None:
    dicom_files.write(tmp_path, dicom_files.cine())
    study = study_in(tmp_path)
    (tmp_path / "im0007").unlink()
    with pytest.raises(RefusedError) as caught:
        read_cine(tmp_path, study)
    assert caught.value.code == "unreadable"


def test_identifiers_are_not_in_the_representation(tmp_path: Path) -> None:
    dicom_files.write(tmp_path, dicom_files.cine())
    export = scan_export(tmp_path, workers=1)
    assert "P1" not in repr(export.studies[0])
    assert "1.2.3" not in repr(export.studies[0])
