from collections.abc import Callable

import numpy as np
import pytest
from pydicom.dataset import FileDataset
from pydicom.uid import (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    MRImageStorage,
    RLELossless,
)

from fedcmr.phantom.render import render
from fedcmr.phantom.study import Study

Encode = Callable[[Study], dict[int, list[FileDataset]]]
Find = Callable[..., Study]

CASES = (
    ("ge", "one_series", ExplicitVRLittleEndian),
    ("ge", "one_series", RLELossless),
    ("siemens", "series_per_slice", ExplicitVRLittleEndian),
    ("philips", "one_series", ImplicitVRLittleEndian),
)


@pytest.mark.parametrize(("site", "layout", "syntax"), CASES)
def test_the_cine_reads_back_as_rendered(
    encoded: Encode, study_with: Find, site: str, layout: str, syntax: str
) -> None:
    study = study_with(
        site,
        lambda s: (
            (s.export.layout, s.export.syntax) == (layout, syntax)
            and not {"repeated_slice", "phase_images"} & s.oddities
        ),
    )
    scanner, plan = study.export.scanner, study.acquisition
    rendered = render(study.patient, plan)
    by_number = encoded(study)
    cine = [d for number, files in by_number.items() if 300 <= number < 400 for d in files]
    assert len(cine) == plan.slices * plan.phases
    assert len({d.SOPInstanceUID for files in by_number.values() for d in files}) == sum(
        map(len, by_number.values())
    )
    assert len({d.SeriesInstanceUID for d in cine}) == (
        plan.slices if layout == "series_per_slice" else 1
    )
    normal = study.plane.normal
    order = sorted(cine, key=lambda d: (-np.dot(normal, d.ImagePositionPatient), d.TriggerTime))
    for dataset, expected in zip(
        order, rendered.reshape(-1, plan.pixels, plan.pixels), strict=True
    ):
        assert dataset.file_meta.TransferSyntaxUID == syntax
        assert dataset.SOPClassUID == MRImageStorage
        slope = float(dataset.get("RescaleSlope", 1))
        values = dataset.pixel_array * slope + float(dataset.get("RescaleIntercept", 0))
        np.testing.assert_allclose(values, expected, atol=0.5 * scanner.slope + 1e-3)


def test_times_and_geometry_are_in_the_header(encoded: Encode, study_with: Find) -> None:
    study = study_with("ge", lambda s: "repeated_slice" not in s)
    files = encoded(study)[300]
    for number, dataset in enumerate(files):
        z, phase = divmod(number, study.acquisition.phases)
        assert dataset.InstanceNumber == number + 1
        assert dataset.NominalInterval == study.rr_ms[z]
        assert 0 < dataset.TriggerTime < dataset.NominalInterval
        assert dataset.CardiacNumberOfImages == study.acquisition.phases
        assert dataset.PixelSpacing == [study.acquisition.spacing_mm] * 2
        assert dataset.SpacingBetweenSlices == study.acquisition.slice_distance_mm
        assert phase == number % study.acquisition.phases


@pytest.mark.parametrize("site", ["ge", "siemens", "philips"])
def test_late_enhancement_says_that_it_was_inverted_and_which_part_it_is(
    encoded: Encode, study_with: Find, site: str
) -> None:
    study = study_with(site, lambda s: "enhanced" not in s.export.layout)
    by_number = encoded(study)
    for number, word in ((800, None), (801, "R")):
        for dataset in by_number[number]:
            assert "IR" in dataset.ScanningSequence
            assert dataset.InversionTime > 0
            assert dataset.TriggerTime > 0
            if word == "R":
                assert {"R", "PSIR"} & set(dataset.ImageType)
    real = by_number[801][0]
    assert real.RescaleIntercept < 0
    scouts = by_number[100]
    assert all("TriggerTime" not in dataset for dataset in scouts)


def test_the_private_block_names_the_patient_as_real_ones_do(
    encoded: Encode, study_with: Find
) -> None:
    study = study_with("siemens", lambda s: s.export.layout == "series_per_slice")
    dataset = encoded(study)[300][0]
    block = dataset.private_block(0x0029, "SIEMENS CSA HEADER")
    assert study.person.name.encode() in block[0x10].value
