"""Data sets of made-up studies: noise, brighter in the middle where the label is positive."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from fedcmr.config import Preprocessing
from fedcmr.data.record import StudyRecord
from fedcmr.data.store import Dataset, write_dataset
from fedcmr.types import Split, StoredCine

SMALL = Preprocessing(slices=3, phases=4, size=16)
"""What the smallest networks here look at."""


def noise_dataset(
    path: Path,
    site: str,
    *,
    splits: Mapping[Split, int],
    seed: int,
    preprocessing: Preprocessing,
    flipped: bool = False,
) -> Dataset:
    """Write studies of noise, every other one positive; `flipped`: the dark ones are.

    The last test study looks like the other class: scores that separate the classes perfectly have
    no calibration line, and the search for it would take all the messages it may.
    """
    generator = np.random.default_rng(seed)
    records: list[StudyRecord] = []
    arrays: dict[str, StoredCine] = {}
    for split, count in splits.items():
        for left in reversed(range(count)):
            record = _record(site, len(records), split, preprocessing)
            shape = (
                preprocessing.slices,
                preprocessing.phases,
                preprocessing.size,
                preprocessing.size,
            )
            array = generator.integers(0, 30_000, shape, dtype=np.uint16)
            is_bright = record.scar != flipped
            if split == "test" and left == 0:
                is_bright = not is_bright
            array[..., 4:12, 4:12] += np.uint16(30_000 * is_bright)
            records.append(record)
            arrays[record.study] = array
    return write_dataset(path, records, arrays, preprocessing, phantom=True)


def _record(site: str, number: int, split: Split, preprocessing: Preprocessing) -> StudyRecord:
    name = f"{site}{number:03d}".encode().hex().ljust(32, "0")
    return StudyRecord(
        study=name,
        patient=name,
        vendor="GE" if number % 2 else "Siemens",
        field_strength="1.5T",
        model="unknown",
        sex="F",
        age_band="50-59",
        aetiology="unknown",
        scar=number % 2,
        mvo=None,
        split=split,
        slices=preprocessing.slices,
        phases=preprocessing.phases,
        spacing_mm=1.5,
        slice_distance_mm=8.0,
        rr_ms=800.0,
        flags=(),
    )
