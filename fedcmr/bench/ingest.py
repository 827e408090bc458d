"""Ingest against its floor: pydicom reading and decoding the same bytes, nothing else."""

import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import pydicom

from fedcmr.config import Preprocessing
from fedcmr.dicom.quiet import quiet
from fedcmr.errors import DataError
from fedcmr.ingest.export import ingest_export
from fedcmr.ingest.scan import list_files

KEY = bytes(32)
"""Of the throwaway data sets."""


@dataclass(frozen=True)
class IngestBench:
    """Content of `fedcmr bench ingest --json`; CPU seconds of one process, medians."""

    files: int
    images: int
    """Files with pixels that pydicom can decode."""
    megabytes: float
    studies: int
    repeats: int
    floor_s: float
    """pydicom.dcmread(...).pixel_array of every file."""
    ingest_s: float
    """Header pass, grid, preparation and writing, with one worker."""
    ratio: float
    """Ingest over floor."""

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


def bench_ingest(dicom: Path, preprocessing: Preprocessing, *, repeats: int) -> IngestBench:
    """Time both in turn, after one untimed turn that fills the disk cache.

    Raises:
        DataError: there is no image in `dicom`.
    """
    paths = [dicom / path for path in list_files(dicom)]
    floors: list[float] = []
    ingests: list[float] = []
    images = studies = 0
    for turn in range(repeats + 1):
        images, floor = _timed(lambda: _decode(paths))
        studies, ingest = _timed(lambda: _ingest(dicom, preprocessing))
        if turn:
            floors.append(floor)
            ingests.append(ingest)
    if not images:
        raise DataError("no image that pydicom can decode", where=str(dicom))
    return IngestBench(
        files=len(paths),
        images=images,
        megabytes=round(sum(path.stat().st_size for path in paths) / 1e6, 1),
        studies=studies,
        repeats=repeats,
        floor_s=median(floors),
        ingest_s=median(ingests),
        ratio=median(ingests) / median(floors),
    )


def _timed(work: Callable[[], int]) -> tuple[int, float]:
    """Return the result and the CPU time: waiting for other processes does not count."""
    started = time.process_time()
    result = work()
    return result, time.process_time() - started


def _decode(paths: list[Path]) -> int:
    images = 0
    with quiet():
        for path in paths:
            with suppress(Exception):  # pydicom raises anything on what is not an image
                images += pydicom.dcmread(path).pixel_array.size > 0
    return images


def _ingest(dicom: Path, preprocessing: Preprocessing) -> int:
    with tempfile.TemporaryDirectory() as folder:
        summary = ingest_export(
            dicom=dicom,
            labels=None,
            out=Path(folder) / "set",
            preprocessing=preprocessing,
            key=KEY,
            workers=1,
        )
    return summary.studies
