from collections.abc import Callable

import pytest
from pydicom.dataset import FileDataset

from fedcmr.phantom.header import SERIAL, clock
from fedcmr.phantom.sites import SITES
from fedcmr.phantom.study import Study, draw_study

Encode = Callable[[Study], dict[int, list[FileDataset]]]


@pytest.mark.parametrize("site", SITES)
@pytest.mark.parametrize("index", range(4))
def test_every_file_says_that_it_is_synthetic_and_whose_it_would_be(
    encoded: Encode, site: str, index: int
) -> None:
    study = draw_study(SITES[site], index, 0)
    for files in encoded(study).values():
        for dataset in files:
            assert dataset.DeviceSerialNumber == SERIAL == "FEDCMR-PHANTOM"
            assert dataset.PatientID == study.person.patient_id
            assert dataset.PatientName == study.person.name
            assert dataset.PatientBirthDate == study.person.birth_date
            assert dataset.PatientAge == f"{study.patient.age:03d}Y"
            assert dataset.PatientSex == study.patient.sex
            assert dataset.StudyDate == study.person.study_date
            assert dataset.AccessionNumber
            assert dataset.ReferringPhysicianName
            assert dataset.InstitutionName == SITES[site].institution
            assert dataset.Manufacturer == study.export.scanner.manufacturer
            assert dataset.MagneticFieldStrength == study.export.scanner.field_strength


def test_field_strength_is_missing_where_the_site_loses_it(
    encoded: Encode, study_with: Callable[..., Study]
) -> None:
    study = study_with("siemens", lambda s: "no_field_strength" in s)
    for files in encoded(study).values():
        assert all("MagneticFieldStrength" not in dataset for dataset in files)


def test_the_clock_runs_over_the_hour() -> None:
    study = draw_study(SITES["ge"], 0, 0)
    seconds = study.person.study_seconds
    assert clock(study, 3600 - seconds % 3600 + 61.5) == f"{seconds // 3600 + 1:02d}0101.500000"
