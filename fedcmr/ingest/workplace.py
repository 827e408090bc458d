"""The folder of a data set while it is made.

A marker with the settings is there from the beginning to the end of the work, and `dataset.yaml`
is not: so a folder is either complete or known to be unfinished, and an interrupted ingest goes on
only with the same settings and key.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from fedcmr.config import Preprocessing
from fedcmr.data.store import MANIFEST, Manifest
from fedcmr.durable import PARTIAL, write_atomically
from fedcmr.errors import DataError
from fedcmr.settings import Settings, load_settings

MARKER = "unfinished.yaml"


class Started(Settings):
    """What a data set is made with, and the content of the marker (JSON, which is YAML)."""

    preprocessing: Preprocessing
    key_fingerprint: str


def check_place(out: Path, dicom: Path, started: Started) -> None:
    """Check that a data set can be made in `out`.

    Raises:
        DataError: the folder holds something else, a data set made with other settings or under
            another key, or lies within the export.
    """
    if out.resolve().is_relative_to(dicom.resolve()):
        raise DataError(
            "the data set would lie within the export", where=str(out), fix="give another --out"
        )
    found = _found(out)
    if found is not None and found != started:
        same = found.preprocessing == started.preprocessing
        what = "under another site key" if same else "with other preprocessing settings"
        raise DataError(
            f"the folder holds a data set made {what}",
            where=str(out),
            fix="move it away and ingest again, or give another --out",
        )


@contextmanager
def workplace(out: Path, started: Started) -> Iterator[None]:
    """Mark the folder unfinished, keep others out, and take the mark away when all went well.

    Raises:
        DataError: another ingest is writing there.
    """
    marker = out / MARKER
    if not marker.exists():
        write_atomically(marker, started.canonical_json().encode())
    with marker.open() as held:
        _lock(held, out)
        (out / MANIFEST).unlink(missing_ok=True)
        yield
        marker.unlink()


def _found(out: Path) -> Started | None:
    if (out / MARKER).is_file():
        return load_settings(out / MARKER, Started)
    if (out / MANIFEST).is_file():
        manifest = load_settings(out / MANIFEST, Manifest)
        return Started(
            preprocessing=manifest.preprocessing, key_fingerprint=manifest.key_fingerprint
        )
    if out.exists() and not (out.is_dir() and all(p.suffix == PARTIAL for p in out.iterdir())):
        raise DataError("not a data set, and not empty", where=str(out), fix="give another --out")
    return None


def _lock(marker: TextIO, out: Path) -> None:
    try:
        fcntl.flock(marker, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise DataError(
            "another ingest is writing there", where=str(out), fix="wait for it to end"
        ) from None
