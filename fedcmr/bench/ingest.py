"""Ingest against its floor: pydicom reading and decoding the same bytes, nothing else."""

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from statistics import median

import pydicom

from fedcmr.bench.figure import Figure
from fedcmr.config import Preprocessing
from fedcmr.dicom.quiet import quiet
from fedcmr.errors import DataError
from fedcmr.ingest.export import ingest_export
from fedcmr.ingest.scan import list_files

KEY = bytes(32)
"""Of the throwaway data sets."""
OVER_FLOOR = 1.3
"""Times the floor that ingest may take."""


def bench_ingest(
    dicom: Path, preprocessing: Preprocessing, repeats: int, name: str = "export"
) -> Iterator[Figure]:
    """Time both in turn, after one untimed turn that fills the disk cache.

    Args:
        dicom: folder of DICOM files.
        preprocessing: what to make of a cine.
        repeats: timed turns.
        name: of the export.

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
    megabytes = sum(path.stat().st_size for path in paths) / 1e6
    yield Figure(
        f"ingest.{name}",
        f"ingest of one process over pydicom's reading and decoding, {name}: {len(paths)} files, "
        f"{images} images, {megabytes:.1f} MB, {studies} studies",
        median(ingests) / median(floors),
        "x",
        at_most=OVER_FLOOR,
        detail=f"CPU {median(ingests):.2f} s / {median(floors):.2f} s",
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
