"""The points of what real exports do, each on a small synthetic export."""

from collections.abc import Callable, Sequence
from pathlib import Path

import dicom_files
import numpy as np
import pytest
from dicom_files import Change
from pydicom.dataset import Dataset, FileDataset
from scan_files import PIXELS, as_series, assert_whole, codes, enhanced_copy, scan, setting


def shuffled(objects: list[FileDataset]) -> list[FileDataset]:
    return [objects[place] for place in np.random.default_rng(3).permutation(len(objects))]


def test_file_order_and_instance_numbers_do_not_matter(tmp_path: Path) -> None:
    objects = shuffled(dicom_files.cine())
    for number, ds in enumerate(objects):
        ds.InstanceNumber = number % 3
    assert_whole(scan(tmp_path, objects))


def test_01_scouts_in_the_series_of_the_cine(tmp_path: Path) -> None:
    export = scan(tmp_path, dicom_files.cine() + dicom_files.scouts())
    assert_whole(export)
    assert codes(export) == {"no_trigger_time": 3}


def test_02_slice_location_is_not_trusted(tmp_path: Path) -> None:
    def change(ds: Dataset, z: int, _t: int) -> None:
        ds.SliceLocation = 5.3 * (z % 4)

    export = scan(tmp_path, dicom_files.cine(change=change))
    assert_whole(export)
    assert export.studies[0].slice_distance_mm == pytest.approx(8.0, abs=0.01)


def test_03_times_differ_in_every_slice(tmp_path: Path) -> None:
    export = scan(tmp_path, dicom_files.cine())
    assert_whole(export)
    assert len({time for row in export.studies[0].times_ms for time in row}) > 12


def test_05_orientation_jitters(tmp_path: Path) -> None:
    def change(ds: Dataset, z: int, t: int) -> None:
        plane = list(dicom_files.SHORT_AXIS)
        plane[3] += 1e-6 * ((z + t) % 2)
        ds.ImageOrientationPatient = [f"{value:.7f}" for value in plane]

    assert_whole(scan(tmp_path, dicom_files.cine(change=change)))


def test_07_images_in_acquisition_is_not_trusted(tmp_path: Path) -> None:
    assert_whole(scan(tmp_path, dicom_files.cine(change=setting(ImagesInAcquisition="999"))))


def test_08_description_and_type_are_not_needed(tmp_path: Path) -> None:
    change = setting(SeriesDescription="", ImageType=["ORIGINAL", "PRIMARY", "OTHER"])
    assert_whole(scan(tmp_path, dicom_files.cine(change=change)))


def _as_acquisition(number: int) -> Change:
    return setting(AcquisitionNumber=number)


@pytest.mark.parametrize("again", [as_series("1.2.3.44", 5), _as_acquisition(2)])
def test_09_a_slice_acquired_again(tmp_path: Path, again: Change) -> None:
    newer = dicom_files.heart(seed=9)
    repeated = dicom_files.cine(newer, change=again, rr=850)[24:36]
    export = scan(tmp_path, repeated + dicom_files.cine())
    expected = PIXELS.copy()
    expected[2] = newer[2]
    assert_whole(export, expected)
    assert codes(export) == {"superseded_acquisition": 12}
    assert export.studies[0].flags == ("reacquired_slice",)


def test_09_an_aborted_repetition_does_not_replace_a_whole_slice(tmp_path: Path) -> None:
    again = as_series("1.2.3.44", 5)
    aborted = dicom_files.cine(dicom_files.heart(seed=9), change=again)[24:31]
    export = scan(tmp_path, dicom_files.cine() + aborted)
    assert_whole(export)
    assert codes(export) == {"superseded_acquisition": 7}


@pytest.mark.parametrize("rr", [30_000.0, 3_000_000.0, 100.0])
def test_10_times_that_are_no_heart_beat(tmp_path: Path, rr: float) -> None:
    def change(ds: Dataset, _z: int, _t: int) -> None:
        ds.NominalInterval = "900"

    export = scan(tmp_path, dicom_files.cine(rr=rr, change=change))
    assert not export.studies
    assert codes(export) == {"not_cardiac_timing": 72}


def test_10_without_an_rr_interval_the_times_alone_decide(tmp_path: Path) -> None:
    def change(ds: Dataset, _z: int, _t: int) -> None:
        del ds.NominalInterval

    assert scan(tmp_path / "a", dicom_files.cine(change=change)).studies
    assert not scan(tmp_path / "b", dicom_files.cine(rr=15_000, change=change)).studies


def test_12_a_hidden_dimension_is_refused(tmp_path: Path) -> None:
    hidden = dicom_files.cine(dicom_files.heart(seed=4))
    export = scan(tmp_path, dicom_files.cine() + hidden)
    assert not export.studies
    assert codes(export) == {"duplicate_frames": 144}


def test_14_enhanced_in_one_file(tmp_path: Path) -> None:
    assert_whole(scan(tmp_path, [enhanced_copy(PIXELS)]))


@pytest.mark.parametrize("shared", [True, False])
def test_14_enhanced_one_file_a_time_point(tmp_path: Path, shared: bool) -> None:
    positions = [dicom_files.origin(z) for z in range(6)]
    objects = [
        dicom_files.enhanced(PIXELS[:, t], np.full(6, t * 75.0), positions, shared=shared)
        for t in range(12)
    ]
    assert_whole(scan(tmp_path, shuffled(objects)))


def test_17_number_of_frames_one(tmp_path: Path) -> None:
    assert_whole(scan(tmp_path, dicom_files.cine(change=setting(NumberOfFrames=1))))


def test_20_a_single_phase_stack_is_no_cine(tmp_path: Path) -> None:
    export = scan(tmp_path, dicom_files.cine()[::12])
    assert not export.studies
    assert codes(export) == {"single_phase": 6}


def test_an_acquisition_number_for_every_phase(tmp_path: Path) -> None:
    def change(ds: Dataset, z: int, t: int) -> None:
        ds.AcquisitionNumber = 12 * z + t

    assert_whole(scan(tmp_path, dicom_files.cine(change=change)))


def test_a_slice_with_a_lost_phase_is_left_out_and_said(tmp_path: Path) -> None:
    objects = dicom_files.cine()
    del objects[14]
    export = scan(tmp_path, objects)
    assert_whole(export, np.delete(PIXELS, 1, axis=0))
    assert codes(export) == {"incomplete_slice": 11}
    assert export.studies[0].flags == ("dropped_slice", "uneven_positions")


def _turned(plane: Sequence[float]) -> Change:
    return setting(ImageOrientationPatient=list(plane))


@pytest.mark.parametrize(
    ("objects", "code"),
    [
        (lambda: dicom_files.cine(dicom_files.heart(phases=9)), "few_phases"),
        (lambda: dicom_files.cine(dicom_files.heart(slices=4)), "few_slices"),
        (lambda: dicom_files.cine(change=_turned(dicom_files.AXIAL)), "not_short_axis"),
        (
            lambda: [
                ds for n, ds in enumerate(dicom_files.cine()) if n // 12 < 2 or n % 12 < n // 12 + 6
            ],
            "uneven_phases",
        ),
    ],
)
def test_refused_with_a_reason(
    tmp_path: Path, objects: Callable[[], list[FileDataset]], code: str
) -> None:
    export = scan(tmp_path, objects())
    assert not export.studies
    assert set(codes(export)) == {code}
