"""Ingest of small exports."""

import hashlib
from pathlib import Path

from dicom_files import Change
from pydicom.dataset import Dataset

from fedcmr.config import Preprocessing
from fedcmr.ingest.export import IngestSummary, ingest_export

KEY = bytes(range(32))
SMALL = Preprocessing(slices=6, phases=10, spacing_mm=3.0, size=32)


def of(patient: str, study: str, **values: object) -> Change:
    def change(ds: Dataset, _z: int, _t: int) -> None:
        ds.PatientID, ds.StudyInstanceUID = patient, study
        for name, value in values.items():
            setattr(ds, name, value)

    return change


def ingest(dicom: Path, out: Path, labels: Path | None = None, **options: object) -> IngestSummary:
    values: dict[str, object] = {"preprocessing": SMALL, "key": KEY, "workers": 1}
    return ingest_export(dicom=dicom, labels=labels, out=out, **(values | options))  # type: ignore[arg-type]  # values by name


def files(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
