"""From a locator of exclusions.csv back to the files, for the site's own eyes."""

from pathlib import Path

from fedcmr.errors import DataError
from fedcmr.ingest.deidentify import pseudonym
from fedcmr.ingest.scan import list_files


def locate(dicom: Path, key: bytes, locator: str) -> Path:
    """Return the file that a locator stands for, the first one of its series.

    A locator is the keyed pseudonym of a path within the export: the names of files and folders
    are often a patient's, so they are not written into a data set.

    Raises:
        DataError: no file of this export has that locator under this key.
    """
    for path in list_files(dicom):
        if pseudonym(key, "path", path) == locator:
            return dicom / path
    raise DataError(
        "no file of the export has this locator",
        where=str(dicom),
        fix="give the export and the key that the data set was made with",
    )
