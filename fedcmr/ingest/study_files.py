"""One study from the export into the data set; it is finished or absent.

The array, the mask if there is one, a coarse overview for the preview, and, last, a JSON record of
what was done. A study whose record fits its source is not done again, so a killed ingest goes on.
"""

import hashlib
import json
import logging
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fedcmr.config import Preprocessing
from fedcmr.data.store import ARRAY, MASK, STUDIES, write_array
from fedcmr.dicom.refusal import RefusedError
from fedcmr.durable import write_atomically
from fedcmr.errors import DataError
from fedcmr.ingest.deidentify import pseudonym, study_pseudonym
from fedcmr.ingest.mask_lay import LaidMask, lay_mask
from fedcmr.ingest.prepare import Preparation, prepare
from fedcmr.ingest.study import CineStudy, Exclusion, read_cine

VERSION = 2
"""Of the arrays made from given files and settings; a change of the code that changes them
raises it, so that an interrupted ingest is not finished with other arrays."""

_log = logging.getLogger(__name__)

OVERVIEW, RECORD = ".overview.npy", ".json"


@dataclass(frozen=True)
class StoredStudy:
    """Content of a study's JSON record."""

    source: str
    """Keyed digest of files, headers, settings and VERSION that the study was made from."""
    sha256: str
    """Of the array file."""
    flags: tuple[str, ...]
    preparation: Preparation
    mask_sha256: str = ""
    """Of the mask file; empty without one."""
    mask_refused: str = ""
    """Code of the reason why a mask that is there was not taken."""
    mask_component: str = ""
    """Of the late enhancement that the mask was drawn on."""
    mvo_slices: tuple[int | None, ...] = ()
    reused: bool = False
    """Found finished; not written."""


def store_study(
    study: CineStudy, *, root: Path, out: Path, preprocessing: Preprocessing, key: bytes
) -> StoredStudy | Exclusion:
    """Prepare one study of the export `root` and write it into the data set `out`."""
    name = study_pseudonym(key, study.patient_id, study.study_uid)
    source = _source(study, root, preprocessing, key)
    done = read_study(out, name)
    if done is not None and done.source == source and _is_whole(out, name, done):
        return replace(done, reused=True)
    try:
        prepared = prepare(read_cine(root, study), preprocessing)
    except RefusedError as refusal:
        paths = tuple(sorted({frame.image.path for row in study.grid for frame in row}))
        frames = study.slices * study.phases
        return Exclusion("study", refusal.code, study.patient_id, study.study_uid, paths, frames)
    laid, mask_refused = _mask(study, prepared.preparation, preprocessing)
    mask = _file(out, name, MASK)
    mask.unlink(missing_ok=True)
    unlabelled = (None,) * study.slices if preprocessing.per_slice else ()
    stored = StoredStudy(
        source=source,
        sha256=write_array(_file(out, name, ARRAY), prepared.array),
        flags=tuple(sorted({*prepared.flags, *(laid.flags if laid else ())})),
        preparation=prepared.preparation,
        mask_sha256=write_array(mask, laid.array) if laid else "",
        mask_refused=mask_refused,
        mask_component=laid.component if laid else "",
        mvo_slices=laid.slices if laid else unlabelled,
    )
    write_array(_file(out, name, OVERVIEW), prepared.overview)
    content = asdict(stored)
    del content["reused"]
    text = json.dumps(content, indent=1, sort_keys=True)
    write_atomically(_file(out, name, RECORD), text.encode())
    return stored


def read_study(out: Path, name: str) -> StoredStudy | None:
    """Read the record of a study; None if it is not finished."""
    try:
        content = json.loads(_file(out, name, RECORD).read_bytes())
        return StoredStudy(
            source=content["source"],
            sha256=content["sha256"],
            flags=tuple(content["flags"]),
            preparation=Preparation(**content["preparation"]),
            mask_sha256=content["mask_sha256"],
            mask_refused=content["mask_refused"],
            mask_component=content["mask_component"],
            mvo_slices=tuple(content["mvo_slices"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def read_overview(out: Path, name: str) -> NDArray[np.uint8]:
    """Read the overview of a study: (Y, X).

    Raises:
        DataError: it is missing or damaged.
    """
    path = _file(out, name, OVERVIEW)
    try:
        overview: NDArray[np.uint8] = np.load(path, allow_pickle=False)
    except (OSError, ValueError):
        raise DataError(
            "an overview cannot be read", where=str(path), fix="run ingest again"
        ) from None
    return overview


def remove_others(out: Path, names: set[str]) -> None:
    """Remove the files of all studies but these, and what a killed ingest left half written."""
    kept = {name + suffix for name in names for suffix in (ARRAY, MASK, OVERVIEW, RECORD)}
    gone = [path for path in (out / STUDIES).glob("*") if path.name not in kept]
    if studies := sum(path.name.endswith(RECORD) for path in gone):
        _log.warning("%d studies of the earlier data set are not in this export: removed", studies)
    for path in gone:
        path.unlink()


def _file(out: Path, name: str, suffix: str) -> Path:
    return out / STUDIES / f"{name}{suffix}"


def _mask(
    study: CineStudy, preparation: Preparation, preprocessing: Preprocessing
) -> tuple[LaidMask | None, str]:
    """Return the mask, or the code of the reason why there is none; the cine stays either way."""
    if study.mask is None:
        return None, ""
    try:
        return lay_mask(study, study.mask, preparation, preprocessing), ""
    except RefusedError as refusal:
        return None, refusal.code


def _is_whole(out: Path, name: str, done: StoredStudy) -> bool:
    wanted = {ARRAY: done.sha256} | ({MASK: done.mask_sha256} if done.mask_sha256 else {})
    try:
        read_overview(out, name)
        found = {
            suffix: hashlib.sha256(_file(out, name, suffix).read_bytes()).hexdigest()
            for suffix in wanted
        }
    except (OSError, DataError):
        return False
    return found == wanted


def _source(study: CineStudy, root: Path, preprocessing: Preprocessing, key: bytes) -> str:
    frames = [frame for row in study.grid for frame in row]
    images = {image.path: image for image, _ in frames}
    # Pixels may change under the same headers; hashing them would cost as much as ingest.
    stats = [(root / path).stat() for path in sorted(images)]
    files = [(stat.st_size, stat.st_mtime_ns) for stat in stats]
    grid = [(image.path, frame.number) for image, frame in frames]
    text = f"{VERSION} {preprocessing.digest()} {study.slices} {sorted(images.items())} {files} "
    if study.mask is not None:
        stat = (study.mask.root / study.mask.path).stat()
        text += f"{study.mask.path} {stat.st_size} {stat.st_mtime_ns} {study.late} "
    return pseudonym(key, "source", f"{text}{grid}")
