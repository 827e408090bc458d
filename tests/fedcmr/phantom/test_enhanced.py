from collections.abc import Callable

import numpy as np
import pytest
from pydicom.dataset import Dataset, FileDataset
from pydicom.uid import EnhancedMRImageStorage

from fedcmr.phantom.render import render
from fedcmr.phantom.study import Study

Encode = Callable[[Study], dict[int, list[FileDataset]]]
Find = Callable[..., Study]


def group(dataset: Dataset, frame: int, keyword: str) -> Dataset:
    """Return a functional group of a frame, wherever it stands."""
    own = dataset.PerFrameFunctionalGroupsSequence[frame]
    shared = dataset.SharedFunctionalGroupsSequence[0]
    item: Dataset = (own if keyword in own else shared)[keyword][0]
    return item


def test_philips_puts_all_frames_into_one_file(encoded: Encode, study_with: Find) -> None:
    study = study_with(
        "philips", lambda s: s.export.layout == "enhanced" and "phase_images" not in s
    )
    plan = study.acquisition
    (cine,) = encoded(study)[300]
    assert cine.SOPClassUID == EnhancedMRImageStorage
    assert cine.NumberOfFrames == plan.slices * plan.phases
    rendered = render(study.patient, plan).reshape(-1, plan.pixels, plan.pixels)
    values = cine.pixel_array * study.export.scanner.slope
    np.testing.assert_allclose(values, rendered, atol=0.5 * study.export.scanner.slope + 1e-3)
    last = cine.NumberOfFrames - 1
    content = group(cine, last, "FrameContentSequence")
    assert content.InStackPositionNumber == plan.slices
    assert content.TemporalPositionIndex == plan.phases
    beat = group(cine, last, "CardiacSynchronizationSequence")
    assert beat.RRIntervalTimeNominal == study.rr_ms[-1]
    assert 0 < beat.NominalCardiacTriggerDelayTime < beat.RRIntervalTimeNominal
    first, later = (
        np.array(group(cine, n, "PlanePositionSequence").ImagePositionPatient) for n in (0, last)
    )
    depth = (plan.slices - 1) * plan.slice_distance_mm
    assert (first - later) @ study.plane.normal == pytest.approx(depth, abs=1e-4)


def test_siemens_writes_one_file_a_time_point(encoded: Encode, study_with: Find) -> None:
    study = study_with("siemens", lambda s: s.export.layout == "enhanced_per_time")
    plan = study.acquisition
    by_number = encoded(study)
    cine = by_number[300]
    rendered = render(study.patient, plan)
    assert len(cine) == plan.phases
    assert len({dataset.SeriesInstanceUID for dataset in cine}) == 1
    for phase, dataset in enumerate(cine):
        assert dataset.NumberOfFrames == plan.slices
        np.testing.assert_allclose(dataset.pixel_array, rendered[:, phase], atol=0.501)
        times = [
            group(dataset, z, "CardiacSynchronizationSequence").NominalCardiacTriggerDelayTime
            for z in range(plan.slices)
        ]
        assert len(set(times)) > 3
    for number, inverted in ((300, "NO"), (800, "YES"), (801, "YES")):
        modifier = group(by_number[number][0], 0, "MRModifierSequence")
        assert modifier.InversionRecovery == inverted
    assert group(by_number[801][0], 0, "MRImageFrameTypeSequence").ComplexImageComponent == "REAL"
    assert group(by_number[801][0], 0, "PixelValueTransformationSequence").RescaleIntercept < 0


def test_magnitude_and_phase_frames_carry_their_own_scale(
    encoded: Encode, study_with: Find
) -> None:
    study = study_with("philips", lambda s: s.export.layout == "enhanced" and "phase_images" in s)
    (cine,) = encoded(study)[300]
    assert "PixelValueTransformationSequence" not in cine.SharedFunctionalGroupsSequence[0]
    kinds = [
        (
            group(cine, n, "MRImageFrameTypeSequence").ComplexImageComponent,
            float(group(cine, n, "PixelValueTransformationSequence").RescaleSlope),
        )
        for n in range(cine.NumberOfFrames)
    ]
    assert {kind for kind, _ in kinds} == {"MAGNITUDE", "PHASE"}
    assert len(set(kinds)) == 2


@pytest.mark.parametrize("jitters", [False, True])
def test_orientation_is_shared_unless_it_jitters(
    encoded: Encode, study_with: Find, *, jitters: bool
) -> None:
    study = study_with(
        "philips",
        lambda s: s.export.layout == "enhanced" and ("orientation_jitter" in s) == jitters,
    )
    (cine,) = encoded(study)[300]
    own = "PlaneOrientationSequence" in cine.PerFrameFunctionalGroupsSequence[0]
    assert own == jitters
    assert ("PlaneOrientationSequence" in cine.SharedFunctionalGroupsSequence[0]) != jitters
