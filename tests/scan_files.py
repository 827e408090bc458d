"""Scans of small exports: what is whole, what is left out."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import dicom_files
import numpy as np
from dicom_files import Change
from pydicom.dataset import Dataset, FileDataset

from fedcmr.ingest.scan import Export, scan_export
from fedcmr.ingest.study import read_cine

PIXELS = dicom_files.heart()


def scan(folder: Path, objects: Sequence[FileDataset]) -> Export:
    dicom_files.write(folder, objects)
    return scan_export(folder, workers=1)


def codes(export: Export) -> Counter[str]:
    """Files left out, by code."""
    counted: Counter[str] = Counter()
    for exclusion in export.exclusions:
        counted[exclusion.code] += len(exclusion.paths)
    return counted


def assert_whole(export: Export, pixels: np.ndarray = PIXELS) -> None:
    """One study with exactly the frames that were written."""
    (study,) = export.studies
    np.testing.assert_array_equal(read_cine(export.path, study).array, pixels)


def setting(**values: object) -> Change:
    def change(ds: Dataset, _z: int, _t: int) -> None:
        for name, value in values.items():
            setattr(ds, name, value)

    return change


def as_series(uid: str, number: int) -> Change:
    return setting(SeriesInstanceUID=uid, SeriesNumber=number)


def enhanced_copy(pixels: np.ndarray) -> FileDataset:
    slices, phases = pixels.shape[:2]
    return dicom_files.enhanced(
        pixels.reshape(-1, *pixels.shape[2:]),
        np.tile(np.arange(phases) * 75.0, slices),
        [dicom_files.origin(z) for z in range(slices) for _ in range(phases)],
    )
