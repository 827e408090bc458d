"""What every object of a study says about patient, visit, scanner and sequence."""

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from fedcmr.phantom.series import BITS_STORED, Series
from fedcmr.phantom.study import Study

SERIAL = "FEDCMR-PHANTOM"
"""DeviceSerialNumber of every file that this package writes: the data are synthetic."""


def header(study: Study, series: Series) -> Dataset:
    """Return the elements that the images of a series share, as before de-identification."""
    dataset = Dataset()
    _identify(dataset, study)
    _equip(dataset, study)
    _sequence(dataset, series)
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows, dataset.Columns = series.images[0].pixels.shape
    dataset.BitsAllocated = 16
    dataset.BitsStored = BITS_STORED if not study.acquisition.scanner.signed else 16
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = int(study.acquisition.scanner.signed)
    return dataset


def clock(study: Study, seconds: float) -> str:
    """Return the time of day (TM) so many seconds after the study began."""
    total = study.person.study_seconds + seconds
    minutes, second = divmod(total, 60)
    hour, minute = divmod(int(minutes), 60)
    return f"{hour:02d}{minute:02d}{second:09.6f}"


def _identify(dataset: Dataset, study: Study) -> None:
    person = study.person
    dataset.SpecificCharacterSet = "ISO_IR 100"
    dataset.PatientName = person.name
    dataset.PatientID = person.patient_id
    dataset.PatientBirthDate = person.birth_date
    dataset.PatientSex = study.patient.sex
    dataset.PatientAge = f"{study.patient.age:03d}Y"
    dataset.StudyInstanceUID = person.uid("study")
    dataset.StudyID = person.accession[-4:]
    dataset.StudyDate = dataset.SeriesDate = dataset.ContentDate = person.study_date
    dataset.StudyTime = clock(study, 0)
    dataset.AccessionNumber = person.accession
    dataset.ReferringPhysicianName = person.referrer
    dataset.StudyDescription = f"Cardiac MR {person.name.replace('^', ' ')}"
    dataset.PatientPosition = "HFS"


def _equip(dataset: Dataset, study: Study) -> None:
    scanner = study.acquisition.scanner
    dataset.Modality = "MR"
    dataset.Manufacturer = scanner.manufacturer
    dataset.ManufacturerModelName = scanner.model
    dataset.SoftwareVersions = scanner.software.split("\\")
    dataset.InstitutionName = study.institution
    dataset.DeviceSerialNumber = SERIAL
    if "no_field_strength" not in study:
        dataset.MagneticFieldStrength = scanner.field_strength
    reason = Dataset()
    reason.CodeValue, reason.CodingSchemeDesignator = "RID10312", "RADLEX"
    reason.CodeMeaning = "magnetic resonance imaging"
    dataset.ProcedureCodeSequence = Sequence([reason])


def _sequence(dataset: Dataset, series: Series) -> None:
    dataset.SeriesInstanceUID = series.uid
    dataset.SeriesNumber = series.number
    dataset.SeriesDescription = series.description
    dataset.FrameOfReferenceUID = series.frame_of_reference
    dataset.PositionReferenceIndicator = ""
