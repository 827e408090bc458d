import pytest
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_dataset
from pydicom.filewriter import write_dataset

from fedcmr.dicom import tags
from fedcmr.dicom.elements import Elements
from fedcmr.dicom.quiet import quiet


def elements(ds: Dataset, *, implicit: bool = False, big_endian: bool = False) -> Elements:
    buffer = DicomBytesIO()
    buffer.is_implicit_VR, buffer.is_little_endian = implicit, not big_endian
    write_dataset(buffer, ds)
    buffer.seek(0)
    return Elements.of(read_dataset(buffer, implicit, not big_endian), big_endian=big_endian)


@pytest.mark.parametrize(("implicit", "big_endian"), [(False, False), (True, False), (False, True)])
def test_reads_what_pydicom_wrote(implicit: bool, big_endian: bool) -> None:
    ds, item = Dataset(), Dataset()
    ds.PatientID, ds.ImageType, ds.Rows = "P 1", ["ORIGINAL", "M"], 513
    ds.ImagePositionPatient = ["-1.5", "2e1", "3"]
    item.NominalCardiacTriggerDelayTime = 12.25
    ds.CardiacSynchronizationSequence = [item]
    read = elements(ds, implicit=implicit, big_endian=big_endian)
    assert read.text(tags.PATIENT_ID) == "P 1"
    assert read.texts(tags.IMAGE_TYPE) == ("ORIGINAL", "M")
    assert read.unsigned(tags.ROWS) == 513
    assert read.numbers(tags.IMAGE_POSITION_PATIENT) == (-1.5, 20.0, 3.0)
    (beat,) = read.items(tags.CARDIAC_SYNCHRONIZATION)
    assert beat.double(tags.NOMINAL_CARDIAC_TRIGGER_DELAY_TIME) == 12.25


def test_missing_values_read_as_empty() -> None:
    read = Elements({})
    assert read.text(tags.PATIENT_ID) == ""
    assert read.numbers(tags.IMAGE_POSITION_PATIENT) == ()
    assert read.number(tags.TRIGGER_TIME) is None
    assert read.double(tags.RR_INTERVAL_TIME_NOMINAL) is None
    assert read.unsigned(tags.ROWS) == 0
    assert read.items(tags.MR_ECHO) == []


@pytest.mark.parametrize("cell", ["1\\x\\3", "", "nan", "1\\inf"])
def test_malformed_numbers_read_as_empty(cell: str) -> None:
    ds = Dataset()
    with quiet():
        ds.add_new(tags.PATIENT_ID, "LO", cell)
        assert elements(ds).numbers(tags.PATIENT_ID) == ()


def test_text_in_the_character_set_of_the_object() -> None:
    """A label file in UTF-8 must match a PatientID in Latin-1."""
    ds = Dataset()
    ds.SpecificCharacterSet, ds.PatientID = "ISO_IR 100", "Müller-7"
    assert elements(ds).text(tags.PATIENT_ID) == "Müller-7"
