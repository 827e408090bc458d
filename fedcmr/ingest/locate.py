"""From a locator of exclusions.csv back to the files, for the site's own eyes."""

from pathlib import Path

from fedcmr.dicom.header import read_header
from fedcmr.dicom.quiet import quiet
from fedcmr.dicom.refusal import RefusedError
from fedcmr.errors import DataError
from fedcmr.ingest.deidentify import pseudonym
from fedcmr.ingest.labels import read_labels
from fedcmr.ingest.scan import list_files


def locate(
    dicom: Path, key: bytes, locator: str, labels: Path | None = None, masks: Path | None = None
) -> str:
    """Return what a locator stands for: the first file of its series, or a patient.

    A locator is the keyed pseudonym of a path within the export: the names of files and folders
    are often a patient's, so they are not written into a data set. In a line about labels it is
    the pseudonym of the patient: found in the label file, or else as a file of the export.

    Raises:
        DataError: nothing of this export and these labels has that locator under this key, or
            the label file cannot be read.
    """
    paths = list_files(dicom)
    of_masks = list_files(masks) if masks is not None else []
    for root, path in [*((dicom, path) for path in paths), *((masks, path) for path in of_masks)]:
        if root is not None and pseudonym(key, "path", path) == locator:
            return str(root / path)
    for patient in read_labels(labels) if labels is not None else ():
        if pseudonym(key, "patient", patient) == locator:
            return f"patient_id {patient} of {labels}"
    with quiet():
        for path in paths:
            try:
                patient = read_header(dicom, path).patient_id
            except RefusedError:
                continue
            if pseudonym(key, "patient", patient) == locator:
                return str(dicom / path)
    raise DataError(
        "no file of the export has this locator",
        where=str(dicom),
        fix="give the export, the key and the --labels and --masks of the data set",
    )
