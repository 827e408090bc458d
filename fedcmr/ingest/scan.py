"""The header pass over an export: which studies hold a short-axis cine, and why the rest is not
used. No pixels are read.
"""

import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from fedcmr.dicom.header import ImageHeader, read_header
from fedcmr.dicom.quiet import quiet
from fedcmr.dicom.refusal import RefusedError
from fedcmr.errors import DataError
from fedcmr.ingest.parallel import Map, parallel_map
from fedcmr.ingest.progress import Progress, counted, silent
from fedcmr.ingest.select import select_cine
from fedcmr.ingest.study import CineStudy, Exclusion

CHUNK = 64
"""Files a worker reads between reports."""
FEW_CHUNKS = 16
"""A thousand headers are read in the time that two processes take to start."""


@dataclass(frozen=True)
class Export:
    """What a hospital's DICOM folder holds."""

    path: Path
    files: int
    studies: tuple[CineStudy, ...] = field(repr=False)
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
    paths = list_files(dicom)
    chunks = [paths[start : start + CHUNK] for start in range(0, len(paths), CHUNK)]
    by_study: dict[tuple[str, str], list[ImageHeader]] = defaultdict(list)
    exclusions: list[Exclusion] = []
    found = mapped(partial(_read_headers, dicom), chunks, few=FEW_CHUNKS)
    for chunk in counted(found, "reading headers", len(paths), progress, CHUNK):
        for header in chunk:
            if isinstance(header, Exclusion):
                exclusions.append(header)
            else:
                by_study[header.patient_id, header.study_uid].append(header)
    studies: list[CineStudy] = []
    for _, images in sorted(by_study.items()):
        cine, unused = select_cine(images)
        exclusions += unused
        if cine is not None:
            studies.append(cine)
    return Export(dicom, len(paths), tuple(studies), tuple(exclusions))


def list_files(dicom: Path) -> list[str]:
    """Return all files below a folder, relative to it, sorted.

    Raises:
        DataError: no such folder, nothing in it, or a folder below it cannot be read.
    """

    def refuse(error: OSError) -> None:
        # A folder that nobody may read would take its patients out of the data set without a word.
        raise DataError(
            f"cannot read a folder of the export: {error.strerror}",
            where=str(dicom),
            fix="check owner and mode of everything below it",
        )

    found: list[str] = []
    for folder, _, names in os.walk(dicom, onerror=refuse if dicom.is_dir() else None):
        place = Path(folder).relative_to(dicom)
        found += [str(place / name) for name in names]
    if not found:
        raise DataError("no files", where=str(dicom), fix="check the path")
    return sorted(found)


def _read_headers(root: Path, paths: Sequence[str]) -> list[ImageHeader | Exclusion]:
    headers: list[ImageHeader | Exclusion] = []
    with quiet():
        for path in paths:
            try:
                headers.append(read_header(root, path))
            except RefusedError as refusal:
                headers.append(Exclusion("file", refusal.code, paths=(path,)))
    return headers
