"""One small export, its labels, and the data set made of them; no test changes them."""

from pathlib import Path

import dicom_files
import pytest
from ingested import ingest, of


@pytest.fixture(scope="session")
def dicom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three patients, one with two studies, and files that are not used."""
    folder = tmp_path_factory.mktemp("export")
    studies = (("P1", "1.1"), ("P2", "1.2"), ("P2", "1.3"), ("P3", "1.4"))
    for seed, (patient, study) in enumerate(studies):
        change = of(patient, study, Manufacturer="GE MEDICAL SYSTEMS")
        objects = dicom_files.cine(dicom_files.heart(seed=seed), change=change)
        dicom_files.write(folder / f"dir{seed}", objects)
    dicom_files.write(folder / "more", dicom_files.scouts())
    (folder / "more" / "readme.txt").write_text("no image")
    return folder


@pytest.fixture(scope="session")
def labels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("labels") / "labels.csv"
    path.write_text(
        "patient_id,scar,mvo,aetiology,age\nP1,1,0,ischaemic,71\nP2,0,,none,\nP9,1,,,\n"
    )
    return path


@pytest.fixture(scope="session")
def whole(dicom: Path, labels: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data set of one undisturbed run."""
    out = tmp_path_factory.mktemp("whole") / "set"
    ingest(dicom, out, labels)
    return out
