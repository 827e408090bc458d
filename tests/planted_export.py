"""A phantom export in which a marker stands wherever an export may name a patient."""

from dataclasses import asdict, replace
from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from fedcmr.phantom import classic, enhanced, write
from fedcmr.phantom.header import header
from fedcmr.phantom.person import Person
from fedcmr.phantom.series import Series
from fedcmr.phantom.sites import SITES, SiteProfile
from fedcmr.phantom.study import Study, draw_study

FAMILY, GIVEN = "Quxovandel", "Zyxlophona"
REFERRER = "Wrefqzorra"
PATIENT_ID = "PZQ774136"
ACCESSION = "ACZ5518093"
INSTITUTION = "Xanthquorn"
COMMENT = "Vlimbzaqot"
PRIVATE = "Krivqzandu"
UID_DIGITS = "481516234299"
FOLDER = "Exqportzul"
WORDS = {
    "family name": FAMILY,
    "given name": GIVEN,
    "referrer": REFERRER,
    "patient id": PATIENT_ID,
    "accession number": ACCESSION,
    "institution": INSTITUTION,
    "comment": COMMENT,
    "private element": PRIVATE,
    "digits of a UID": UID_DIGITS,
    "folder": FOLDER,
}
DATES = {"study date": (1987, 6, 13), "birth date": (1931, 9, 17)}

_NAMES = (
    *("PatientBirthName", "OtherPatientNames", "PatientMotherBirthName", "OperatorsName"),
    *("PerformingPhysicianName", "NameOfPhysiciansReadingStudy", "RequestingPhysician"),
    *("ScheduledPerformingPhysicianName", "ResponsiblePerson", "ContentCreatorName"),
)
_COMMENTS = (
    *("PatientComments", "ImageComments", "AdditionalPatientHistory", "MedicalAlerts"),
    *("Allergies", "Occupation", "PatientAddress", "PatientTelephoneNumbers", "EthnicGroup"),
    *("ProtocolName", "RequestedProcedureDescription", "PerformedProcedureStepDescription"),
    *("ReasonForTheRequestedProcedure", "CurrentPatientLocation", "DerivationDescription"),
    *("PatientReligiousPreference", "SpecialNeeds", "CountryOfResidence", "PatientState"),
)
_PLACES = ("InstitutionAddress", "InstitutionalDepartmentName", "StationName", "IssuerOfPatientID")
_DATES = ("AcquisitionDate", "InstanceCreationDate", "LastMenstrualDate", "AdmittingDate")


class PlantedPerson(Person):
    """A person whose UIDs carry the marker too."""

    def uid(self, *parts: object) -> str:
        """Return a UID of 44 characters."""
        prefix = f"2.25.{UID_DIGITS}"
        return prefix + super().uid(*parts)[-(44 - len(prefix)) :]


def date(part: str) -> str:
    """Return a planted date as DICOM writes it (DA)."""
    return "{:04d}{:02d}{:02d}".format(*DATES[part])


def planted_study(site: SiteProfile, index: int, seed: int) -> Study:
    """Draw a patient and name it by the marker."""
    study = draw_study(site, index, seed)
    known = asdict(study.person) | {
        "name": f"{FAMILY}^{GIVEN}",
        "patient_id": f"{PATIENT_ID}-{index}",
        "birth_date": date("birth date"),
        "accession": f"{ACCESSION}{index:02d}",
        "referrer": f"{REFERRER}^Doctor",
        "study_date": date("study date"),
    }
    return replace(study, person=PlantedPerson(**known), institution=f"{INSTITUTION} Infirmary")


def planted_header(study: Study, series: Series) -> Dataset:
    """Return the elements of a series, further text elements and a private block among them."""
    dataset = header(study, series)
    dataset.SeriesDescription += f" {COMMENT}"
    for keywords, value in (
        (_NAMES, f"{FAMILY}^{GIVEN}"),
        (_COMMENTS, COMMENT),
        (_PLACES, INSTITUTION),
        (_DATES, date("study date")),
    ):
        for keyword in keywords:
            setattr(dataset, keyword, value)
    nested = Dataset()
    nested.PatientID, nested.RequestedProcedureID = f"{PATIENT_ID}-x", ACCESSION
    dataset.OtherPatientIDsSequence = dataset.RequestAttributesSequence = Sequence([nested])
    block = dataset.private_block(0x0013, f"{PRIVATE} BLOCK", create=True)
    block.add_new(0x10, "LO", PRIVATE)
    block.add_new(0x11, "OB", f"\1\2{PRIVATE} {FAMILY}".encode())
    return dataset


def write_planted(folder: Path, profile: str, patients: int, seed: int) -> tuple[Path, Path]:
    """Write an export below `folder`; return its DICOM folder and its label file."""
    out = folder / f"{FOLDER}_{FAMILY}_{GIVEN}_{date('study date')}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(write, "draw_study", planted_study)
        patch.setattr(classic, "header", planted_header)
        patch.setattr(enhanced, "header", planted_header)
        write.write_site(out, site=SITES[profile], patients=patients, seed=seed, workers=1)
    dicom, labels = out / f"{COMMENT}_dicom", out / f"labels_{FAMILY}.csv"
    (out / "dicom").rename(dicom)
    (out / "labels.csv").rename(labels)
    return dicom, labels
