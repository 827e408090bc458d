"""An export of several studies, one of each kind that a prediction meets."""

from pathlib import Path

import numpy as np
from dicom_files import Change, cine, heart, late_enhancement, scouts, write
from pydicom.dataset import Dataset


def of(patient: str, study: str) -> Change:
    """Give the objects of a cine to a patient and study."""

    def change(ds: Dataset, _z: int, _t: int) -> None:
        ds.PatientID, ds.StudyInstanceUID = patient, study

    return change


def write_export(folder: Path) -> None:
    """Two good studies, one that is blank, one without a cine, and a broken file."""
    for number, name in enumerate(("ward/anna", "ward/bert"), start=1):
        change = of(f"P{number}", f"1.2.{number}")
        objects = cine(heart(seed=number), change=change)
        extra = [*scouts(), *late_enhancement()] if number == 1 else []
        for ds in extra:
            change(ds, 0, 0)
        write(folder / name, objects + extra)
    blank = np.zeros_like(heart())
    write(folder / "ward" / "carl", cine(blank, change=of("P3", "1.2.3")))
    only_lge = late_enhancement()
    for ds in only_lge:
        of("P4", "1.2.4")(ds, 0, 0)
    write(folder / "ward" / "dora", only_lge)
    (folder / "broken").write_bytes(b"\0" * 128 + b"DICM" + b"\xff" * 50)
