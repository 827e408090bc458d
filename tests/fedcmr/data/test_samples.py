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


SLICES = Preprocessing(slices=1, phases=3, size=16, margin=8)


@pytest.fixture
def sliced(tmp_path: Path, make_record: Callable[..., StudyRecord]) -> Dataset:
    """Two studies of three and two slices; a pixel tells study and slice."""
    records = [
        make_record("a", split="train", slices=3, mvo_slices=(1, None, 0)),
        make_record("b", split="train", slices=2, mvo_slices=(0, 1)),
    ]
    arrays, masks = {}, {}
    for number, record in enumerate(records):
        places = 10 * number + np.arange(record.slices)
        arrays[record.study] = np.broadcast_to(
            places[:, None, None, None], (record.slices, 3, 24, 24)
        ).astype(np.uint16)
        masks[record.study] = np.zeros((record.slices, 24, 24), np.uint8)
        masks[record.study][:, 4, 4] = 2
        masks[record.study][:, 0, 0] = places
    return write_dataset(tmp_path, records, arrays, SLICES, phantom=True, masks=masks)


def test_a_sample_is_a_labelled_slice(sliced: Dataset) -> None:
    samples = Samples(sliced, "train", lambda record: record.mvo_slices, CPU)
    assert [record.study for record in samples.records] == ["a", "a", "b", "b"]
    assert samples.targets.tolist() == [1, 0, 0, 1]
    cines = samples.cines(torch.arange(4))
    assert cines.shape == (4, 1, 3, 16, 16)
    assert cines[:, 0, 0, 0, 0].tolist() == [0, 2, 10, 11]


def test_margin_comes_with_the_whole_and_mask_and_cine_are_cropped_alike(sliced: Dataset) -> None:
    samples = Samples(sliced, "train", lambda record: record.mvo_slices, CPU)
    some = torch.tensor([3, 1])
    assert samples.cines(some, whole=True).shape == (2, 1, 3, 24, 24)
    assert samples.masks(some, whole=True)[:, 0, 0].tolist() == [11, 2]
    masks = samples.masks(some)
    assert masks.shape == (2, 16, 16)
    assert (masks[:, 0, 0] == 2).all()
