"""Ingest against its floor: pydicom reading and decoding the same bytes, nothing else."""

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from statistics import median
from typing import NamedTuple

import pydicom

from fedcmr.bench.figure import Figure
from fedcmr.config import Preprocessing
from fedcmr.dicom.quiet import quiet
from fedcmr.errors import DataError
from fedcmr.ingest.export import ingest_export
from fedcmr.ingest.parallel import Map, parallel_map
from fedcmr.ingest.progress import silent
from fedcmr.ingest.scan import list_files, scan_with
from fedcmr.ingest.study_files import store_study

KEY = bytes(32)
"""Of the throwaway data sets."""
OVER_FLOOR = 1.3
"""Times the floor that ingest may take."""
GAIN_OF_TWO = 1.5
"""What two processes must gain on two cores; they share memory, disk and the parent's work."""


class SiteExport(NamedTuple):
    """A folder of DICOM files, and one of masks where slices are wanted."""

    dicom: Path
    masks: Path | None = None


def bench_ingest(
    exports: Sequence[SiteExport], preprocessing: Preprocessing, repeats: int, name: str
) -> Iterator[Figure]:
    """Time both in turn, after one untimed turn that fills the disk cache.

    Args:
        exports: of one site or several.
        preprocessing: what to make of a cine.
        repeats: timed turns.
        name: of the exports.

    Raises:
        DataError: there is no image in them.
    """
    paths = [export.dicom / path for export in exports for path in list_files(export.dicom)]
    floors: list[float] = []
    ingests: list[float] = []
    images = studies = 0
    for turn in range(repeats + 1):
        images, floor = _timed(lambda _: _decode(paths), time.process_time)
        studies, ingest = _timed(partial(_ingest, exports, preprocessing, 1), time.process_time)
        if turn:
            floors.append(floor)
            ingests.append(ingest)
    if not images:
        raise DataError("no image that pydicom can decode", where=str(exports[0].dicom))
    _, pixels = _timed(lambda _: _decode(paths, groups=False), time.process_time)
    megabytes = sum(path.stat().st_size for path in paths) / 1e6
    yield Figure(
        f"ingest.{name}",
        f"{name}: ingest over pydicom's reading and decoding of the same files, one process: "
        f"{len(paths)} files, {images} images, {megabytes:.0f} MB, {studies} studies",
        median(ingests) / median(floors),
        "x",
        at_most=OVER_FLOOR,
        detail=f"CPU {median(ingests):.2f} s / {median(floors):.2f} s; {pixels:.2f} s without "
        "functional groups",
    )


def bench_cores(dicom: Path, preprocessing: Preprocessing, repeats: int) -> Iterator[Figure]:
    """Time header pass and preparation by one process and by two that have started, in turn."""
    name, what = "ingest.cores", "ingest by one process over ingest by two that have started"
    if len(os.sched_getaffinity(0)) < 2:
        yield Figure.not_run(name, what, "one core", unit="x", at_least=GAIN_OF_TWO)
        return
    with parallel_map(1) as by_one, parallel_map(2) as by_two:
        list(by_two(_nothing, range(8), few=0))  # both start, and load what ingest needs
        maps = {"one": by_one, "two": by_two}
        times: dict[str, list[float]] = {name: [] for name in maps}
        for turn in range(repeats + 1):
            for processes, mapped in maps.items():
                work = partial(_prepare_all, mapped, dicom, preprocessing)
                _, seconds = _timed(work, time.perf_counter)
                if turn:
                    times[processes].append(seconds)
    one, two = median(times["one"]), median(times["two"])
    yield Figure(
        name, what, one / two, "x", at_least=GAIN_OF_TWO, detail=f"{one:.2f} s / {two:.2f} s"
    )


def _prepare_all(mapped: Map, dicom: Path, preprocessing: Preprocessing, out: Path) -> int:
    """Do what ingest does but for its index; return the number of studies."""
    export = scan_with(mapped, dicom, silent)
    store = partial(store_study, root=dicom, out=out, preprocessing=preprocessing, key=KEY)
    return sum(1 for _ in mapped(store, export.studies, few=0))


def _timed(work: Callable[[Path], int], clock: Callable[[], float]) -> tuple[int, float]:
    """Return the result and the time; the folder that the work is given is emptied untimed."""
    with tempfile.TemporaryDirectory() as folder:
        started = clock()
        result = work(Path(folder))
        return result, clock() - started


def _decode(paths: list[Path], *, groups: bool = True) -> int:
    """Return the number of images; header and pixels of each were read.

    pydicom reads the header of a classic image at once, but leaves the functional groups of an
    enhanced one in their bytes until they are asked for: without `groups` they stay there.
    """
    images = 0
    with quiet():
        for path in paths:
            with suppress(Exception):  # pydicom raises anything on what is not an image
                image = pydicom.dcmread(path)
                images += image.pixel_array.size > 0
                if groups and "PerFrameFunctionalGroupsSequence" in image:
                    for frame in image.PerFrameFunctionalGroupsSequence:
                        assert all(group.VR == "SQ" for group in frame)
    return images


def _ingest(
    exports: Sequence[SiteExport], preprocessing: Preprocessing, workers: int, folder: Path
) -> int:
    return sum(
        ingest_export(
            dicom=export.dicom,
            labels=None,
            masks=export.masks,
            out=folder / str(number),
            preprocessing=preprocessing,
            key=KEY,
            workers=workers,
        ).studies
        for number, export in enumerate(exports)
    )


def _nothing(number: int) -> int:
    return number
