"""The header pass over an export: which studies hold a short-axis cine, and why the rest is not
used. No pixels are read.

Files of a study may lie anywhere in an export, so headers are kept until all are read: packed.
"""

import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path

from fedcmr.dicom.header import ImageHeader, read_header
from fedcmr.dicom.quiet import quiet
from fedcmr.dicom.refusal import RefusedError
from fedcmr.errors import DataError
from fedcmr.ingest.packed import Packed, pack, unpack
from fedcmr.ingest.parallel import Map, parallel_map
from fedcmr.ingest.progress import Progress, counted, silent
from fedcmr.ingest.select import select_cine
from fedcmr.ingest.study import CineStudy, Exclusion, StudyKey

CHUNK = 64
"""Files a worker reads between reports."""
FEW_CHUNKS = 16
"""A thousand headers are read in the time that two processes take to start."""
FEW_STUDIES = 64
"""Looked through in that time."""


@dataclass(frozen=True)
class Export:
    """What a hospital's DICOM folder holds."""

    path: Path
    files: int
    studies: Sequence[CineStudy] = field(repr=False)
    exclusions: tuple[Exclusion, ...] = field(repr=False)


def scan_export(dicom: Path, *, workers: int = 0, progress: Progress | None = None) -> Export:
    """Read all headers below `dicom` and find the short-axis cine of every study.

    Raises:
        DataError: no such folder, or nothing in it.
    """
    with parallel_map(workers) as mapped:
        return scan_with(mapped, dicom, progress or silent)


def scan_with(mapped: Map, dicom: Path, progress: Progress) -> Export:
    """Do `scan_export` with a map over processes that the caller uses for more."""
    files = sum(1 for _ in _files(dicom))
    if not files:
        raise DataError("no files", where=str(dicom), fix="check the path of the DICOM export")
    paths = _files(dicom)
    chunks = iter(lambda: list(islice(paths, CHUNK)), [])
    by_study: dict[StudyKey, list[bytes]] = defaultdict(list)
    exclusions: list[Exclusion] = []
    found = mapped(partial(_read_headers, dicom), chunks, few=FEW_CHUNKS)
    for _, (headers, refused) in counted(found, "reading headers", files, progress, CHUNK):
        exclusions += refused
        for key, packed in headers:
            by_study[key].append(packed)
    studies: list[bytes] = []
    of_studies = (by_study.pop(key) for key in sorted(by_study))
    for _, (cine, unused) in mapped(_select, of_studies, few=FEW_STUDIES):
        exclusions += unused
        if cine is not None:
            studies.append(cine)
    return Export(dicom, files, Packed(studies), tuple(exclusions))


def list_files(dicom: Path) -> list[str]:
    """Return all files below a folder, relative to it, sorted.

    Raises:
        DataError: no such folder, nothing in it, or a folder below it cannot be read.
    """
    found = list(_files(dicom))
    if not found:
        raise DataError("no files", where=str(dicom), fix="check the path of the DICOM export")
    return found


def _files(root: Path, within: str = "") -> Iterator[str]:
    """Yield the files in the order of their paths; the names of one folder are held at a time."""
    try:
        with os.scandir(root / within) as entries:
            # as it is in the paths: a folder sorts with the stroke after its name
            names = [e.name + "/" * e.is_dir() for e in entries if not _is_linked_folder(e)]
    except OSError as error:
        if not within and not root.is_dir():
            return
        # A folder that nobody may read would take its patients out of the data set without a word.
        raise DataError(
            f"cannot read a folder of the export: {error.strerror}",
            where=str(root),
            fix="check owner and mode of everything below it",
        ) from None
    for name in sorted(names):
        if name.endswith("/"):
            yield from _files(root, within + name)
        else:
            yield within + name


def _is_linked_folder(entry: "os.DirEntry[str]") -> bool:
    return entry.is_symlink() and entry.is_dir()  # it may lead round in a circle


def _read_headers(
    root: Path, paths: Sequence[str]
) -> tuple[list[tuple[StudyKey, bytes]], list[Exclusion]]:
    """Return the headers of each study among some files, packed, and which files are not used."""
    by_study: dict[StudyKey, list[ImageHeader]] = defaultdict(list)
    refused: list[Exclusion] = []
    with quiet():
        for path in paths:
            try:
                header = read_header(root, path)
            except RefusedError as refusal:
                refused.append(Exclusion("file", refusal.code, paths=(path,)))
            else:
                by_study[header.patient_id, header.study_uid].append(header)
    return [(key, pack(headers)) for key, headers in by_study.items()], refused


def _select(packed: Sequence[bytes]) -> tuple[bytes | None, list[Exclusion]]:
    headers: list[ImageHeader] = [header for part in packed for header in unpack(part)]
    cine, unused = select_cine(headers)
    return (None if cine is None else pack(cine)), unused
