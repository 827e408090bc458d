from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from fedcmr.config import Preprocessing
from fedcmr.data.record import StudyRecord
from fedcmr.data.samples import Samples
from fedcmr.data.store import Dataset, write_dataset
from fedcmr.errors import DataError

PREPROCESSING = Preprocessing(slices=2, phases=3, size=16)
CPU = torch.device("cpu")


@pytest.fixture
def dataset(tmp_path: Path, make_record: Callable[..., StudyRecord]) -> Dataset:
    records = [
        make_record("c", scar=1, split="train"),
        make_record("a", scar=0, split="train"),
        make_record("b", scar=None, split="train"),
        make_record("d", scar=1, split="test"),
    ]
    arrays = {
        record.study: np.full((2, 3, 16, 16), 65_535 - number, dtype=np.uint16)
        for number, record in enumerate(records)
    }
    return write_dataset(tmp_path, records, arrays, PREPROCESSING, phantom=False)


def test_labelled_studies_of_the_split_in_the_order_of_the_data_set(dataset: Dataset) -> None:
    samples = Samples(dataset, "train", lambda record: (record.scar,), CPU)
    assert [record.study for record in samples.records] == ["a", "c"]
    assert samples.targets.tolist() == [0.0, 1.0]
    cines = samples.cines(torch.tensor([1, 0]))
    assert cines.dtype == torch.uint16
    assert cines.shape == (2, 2, 3, 16, 16)
    assert cines[:, 0, 0, 0, 0].tolist() == [65_535, 65_534]


def test_a_missing_array_is_one_line(dataset: Dataset) -> None:
    samples = Samples(dataset, "train", lambda record: (record.scar,), CPU)
    (dataset.path / "studies" / "a.npy").unlink()
    with pytest.raises(DataError, match="array of a study cannot be read"):
        samples.cines(torch.tensor([0]))
