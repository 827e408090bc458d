import dicom_files
import pytest

from fedcmr.dicom.header import ImageHeader, read_header
from fedcmr.dicom.quiet import quiet
from fedcmr.ingest.scanner import (
    age_band,
    age_of,
    field_strength_of,
    is_phantom,
    model_of,
    sex_of,
    vendor_of,
)


@pytest.fixture(scope="module")
def header(tmp_path_factory: pytest.TempPathFactory) -> ImageHeader:
    folder = tmp_path_factory.mktemp("one")
    dicom_files.write(folder, dicom_files.scouts()[:1])
    with quiet():
        return read_header(folder, "im0000")


@pytest.mark.parametrize(
    ("manufacturer", "vendor"),
    [
        ("GE MEDICAL SYSTEMS", "GE"),
        ("SIEMENS", "Siemens"),
        ("Siemens Healthineers", "Siemens"),
        ("Philips Medical Systems", "Philips"),
        ("TOSHIBA_MEC", "Canon"),
        ("UNKNOWN", "unknown"),
        ("", "unknown"),
        ("General Hospital Anytown", "other"),
    ],
)
def test_vendor(header: ImageHeader, manufacturer: str, vendor: str) -> None:
    assert vendor_of(header._replace(manufacturer=manufacturer)) == vendor


@pytest.mark.parametrize(
    ("text", "model"),
    [
        ("SIGNA HDx", "Signa HDx"),
        ("SIGNA HDxt", "Signa HDxt"),
        ("DISCOVERY MR750w", "Discovery MR750w"),
        ("MAGNETOM Skyra", "Skyra"),
        ("Ingenia Elition X", "Elition"),
        ("Achieva dStream", "Achieva dStream"),
        ("", "unknown"),
        ("Doe^John", "other"),
    ],
)
def test_model(header: ImageHeader, text: str, model: str) -> None:
    assert model_of(header._replace(model=text)) == model


@pytest.mark.parametrize(
    ("tesla", "name"),
    [
        (1.5, "1.5T"),
        (1.494, "1.5T"),
        (3.0, "3T"),
        (2.89362, "3T"),
        (15000.0, "1.5T"),
        (0.55, "0.55T"),
        (None, "unknown"),
        (0.0, "unknown"),
        (11.7, "other"),
    ],
)
def test_field_strength(header: ImageHeader, tesla: float | None, name: str) -> None:
    assert field_strength_of(header._replace(field_strength=tesla)) == name


@pytest.mark.parametrize(
    ("text", "age"), [("047Y", 47), ("030M", 2), ("003W", 0), ("", None), ("Y", None), ("47", None)]
)
def test_age(header: ImageHeader, text: str, age: int | None) -> None:
    assert age_of(header._replace(age=text)) == age


@pytest.mark.parametrize(
    ("age", "band"),
    [(None, "unknown"), (3, "0-19"), (19, "0-19"), (20, "20-29"), (89, "80-89"), (101, "90+")],
)
def test_age_band(age: int | None, band: str) -> None:
    assert age_band(age) == band


def test_sex_and_phantom(header: ImageHeader) -> None:
    assert sex_of(header._replace(sex="m")) == "M"
    assert sex_of(header._replace(sex="Frau Doe")) == "unknown"
    assert is_phantom(header._replace(serial="FEDCMR-PHANTOM"))
    assert not is_phantom(header._replace(serial="12345"))
