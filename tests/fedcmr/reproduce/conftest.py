from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fedcmr.config import Preprocessing
from fedcmr.data.record import SPLITS, StudyRecord
from fedcmr.data.store import Dataset, write_dataset

SLICES = Preprocessing(slices=1, phases=8, size=32)
STUDIES = Preprocessing(slices=2, phases=10, size=16)

MakeDataset = Callable[..., Dataset]


def _record(number: int, **fields: object) -> StudyRecord:
    usual = {
        "study": f"{number:04x}",
        "patient": f"{number:04x}",
        "vendor": "GE",
        "field_strength": "3T",
        "model": "unknown",
        "sex": "F",
        "age_band": "50-59",
        "aetiology": ("ischaemic", "non-ischaemic")[number // 6],
        "scar": None,
        "mvo": None,
        "split": SPLITS[number % 3],
        "slices": 2,
        "phases": 8,
        "spacing_mm": 1.5,
        "slice_distance_mm": 8.0,
        "rr_ms": 900.0,
        "flags": (),
    }
    return StudyRecord(**(usual | fields))  # type: ignore[arg-type]  # a table of values


@pytest.fixture
def make_mvo(tmp_path: Path) -> MakeDataset:
    """Six studies of two slices, one of them with a bright square that is MVO."""

    def make(*, phantom: bool = True) -> Dataset:
        rng = np.random.default_rng(0)
        records, arrays, masks = [], {}, {}
        for number in range(6):
            record = _record(number, mvo_slices=(number % 2, 1 - number % 2))
            mask = np.full((2, 32, 32), 3, np.uint8)
            mask[1 - number % 2, 12:20, 12:20] = 2
            cine = rng.integers(0, 20_000, (2, 8, 32, 32)) + 40_000 * (mask == 2)[:, None]
            records.append(record)
            arrays[record.study], masks[record.study] = cine.astype(np.uint16), mask
        return write_dataset(
            tmp_path / "mvo", records, arrays, SLICES, phantom=phantom, masks=masks
        )

    return make


@pytest.fixture
def make_scar(tmp_path: Path) -> MakeDataset:
    """Twelve studies of noise; half have scar, `labels` says which classes the test split has."""

    def make(*, test: tuple[int, ...] = (0, 1)) -> Dataset:
        rng = np.random.default_rng(0)
        records = [
            _record(number, scar=test[number // 3 % len(test)] if number % 3 == 2 else number % 2)
            for number in range(12)
        ]
        arrays = {
            record.study: rng.integers(0, 60_000, (2, 10, 16, 16)).astype(np.uint16)
            for record in records
        }
        return write_dataset(tmp_path / "scar", records, arrays, STUDIES, phantom=False)

    return make
