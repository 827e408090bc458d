from pathlib import Path

import numpy as np
import pytest
from survey_files import records

from fedcmr.config import Preprocessing
from fedcmr.data.store import Dataset, write_dataset

PREPROCESSING = Preprocessing(slices=3, phases=4, size=16)


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    """Twelve studies, two of one patient, two without a label; a slice of each is padding."""
    made = records("s", 10, seed=3) + records("u", 2, seed=4, scar=None)
    second = records("again", 1, seed=5, patient=made[0].patient)
    arrays = {}
    for number, record in enumerate([*made, *second]):
        cine = np.random.default_rng(number).integers(1, 65536, (3, 4, 16, 16), dtype=np.uint16)
        cine[2] = 0
        arrays[record.study] = cine
    return write_dataset(
        tmp_path / "dataset", [*made, *second], arrays, PREPROCESSING, phantom=True
    )
