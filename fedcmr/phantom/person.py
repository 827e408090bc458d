"""The fake person behind a phantom, with all that an export before de-identification carries."""

import hashlib
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from fedcmr.phantom.patient import Patient

FAMILY = [
    "Abel",
    "Berg",
    "Costa",
    "Duval",
    "Eriksen",
    "Fontaine",
    "Garcia",
    "Huber",
    "Ivanov",
    "Jansen",
    "Keller",
    "Lopez",
]
GIVEN = {
    "F": ["Anna", "Beata", "Clara", "Diana", "Elena", "Frida", "Greta", "Helga"],
    "M": ["Adam", "Boris", "Carl", "Dario", "Emil", "Felix", "Georg", "Hugo"],
}
FIRST_STUDY_DAY = date(2016, 1, 4)
STUDY_DAYS = 2000


@dataclass(frozen=True)
class Person:
    """Invented identity and study date; `key` makes UIDs that belong to nobody else."""

    key: str
    name: str
    patient_id: str
    birth_date: str
    accession: str
    referrer: str
    study_date: str
    study_seconds: int

    def uid(self, *parts: object) -> str:
        """Return a UID of 44 characters for the object named by `parts`.

        A UUID-derived UID as of DICOM PS3.5 B.2, but from a hash: the same on every run.
        """
        text = "/".join((self.key, *map(str, parts)))
        number = int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "big")
        # one leading digit is forced, so that every UID is equally long
        return f"2.25.{number % 10**38 + 10**38}"


def draw_person(patient: Patient, site: str, index: int, rng: np.random.Generator) -> Person:
    """Invent who the patient is; ids count up within a site, as in an archive."""
    day = FIRST_STUDY_DAY + timedelta(days=int(rng.integers(STUDY_DAYS)))
    birth = day - timedelta(days=round(patient.age * 365.25 + 1 + rng.integers(360)))
    family, referrer = rng.choice(FAMILY, 2)
    return Person(
        key=f"fedcmr-phantom/{site}/{index}/{patient.texture_seed}",
        name=f"{family}^{rng.choice(GIVEN[patient.sex])}",
        patient_id=f"{site[:2].upper()}{int(rng.integers(10, 100))}{index:05d}",
        birth_date=birth.strftime("%Y%m%d"),
        accession=f"A{int(rng.integers(10**8, 10**9))}",
        referrer=f"{referrer}^Doctor",
        study_date=day.strftime("%Y%m%d"),
        study_seconds=int(rng.integers(8 * 3600, 17 * 3600)),
    )
