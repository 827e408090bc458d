from pathlib import Path

import dicom_files
import numpy as np
import pytest
from pydicom.dataset import Dataset

from fedcmr.dicom.header import read_header
from fedcmr.dicom.quiet import quiet
from fedcmr.dicom.refusal import RefusedError

PIXELS = dicom_files.heart(2, 3, size=16).reshape(6, 16, 16)
TIMES = np.tile([5.0, 305.0, 605.0], 2)
POSITIONS = [dicom_files.origin(z) for z in (0, 0, 0, 1, 1, 1)]


@pytest.mark.parametrize("shared", [True, False])
def test_frames_with_and_without_shared_groups(tmp_path: Path, shared: bool) -> None:
    ds = dicom_files.enhanced(
        PIXELS, TIMES, POSITIONS, shared=shared, rr=880, slopes=[1, 2, 3, 4, 5, 6]
    )
    dicom_files.write(tmp_path, [ds])
    with quiet():
        header = read_header(tmp_path, "im0000")
    assert header.enhanced
    assert [frame.number for frame in header.frames] == list(range(6))
    assert [frame.time_ms for frame in header.frames] == list(TIMES)
    assert [frame.slope for frame in header.frames] == [1, 2, 3, 4, 5, 6]
    assert {frame.rr_ms for frame in header.frames} == {880.0}
    assert {frame.echo_ms for frame in header.frames} == {1.2}
    assert {frame.spacing for frame in header.frames} == {(3.0, 3.0)}
    assert header.frames[5].position == pytest.approx(tuple(POSITIONS[5]), abs=1e-3)


def test_fewer_frames_than_stated_is_refused(tmp_path: Path) -> None:
    ds = dicom_files.enhanced(PIXELS, TIMES, POSITIONS)
    ds.PerFrameFunctionalGroupsSequence.pop()
    dicom_files.write(tmp_path, [ds])
    with pytest.raises(RefusedError) as caught, quiet():
        read_header(tmp_path, "im0000")
    assert caught.value.code == "no_geometry"


def test_inversion_is_seen(tmp_path: Path) -> None:
    ds, modifier = dicom_files.enhanced(PIXELS, TIMES, POSITIONS), Dataset()
    modifier.InversionRecovery = "YES"
    ds.SharedFunctionalGroupsSequence[0].MRModifierSequence = [modifier]
    dicom_files.write(tmp_path, [ds])
    with quiet():
        assert read_header(tmp_path, "im0000").inversion


def test_real_enhanced_objects(real_data: Path) -> None:
    folder = real_data / "vendor_mr"
    with quiet():
        philips = read_header(folder, "philips_enhanced/fmri/001/IM-0001-9600-0001.dcm")
        siemens = read_header(folder, "siemens_multiframe/anatomical/001/IM-0001-0001-0001.dcm")
    assert (len(philips.frames), len(siemens.frames)) == (32, 8)
    assert len({frame.position for frame in philips.frames}) == 8
    assert philips.frames[0].slope == pytest.approx(1.85934065934065)
    assert siemens.frames[0].position == (-117.018, -101.63, -100.577)
    assert philips.field_strength is None
