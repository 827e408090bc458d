from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fedcmr.config import Preprocessing
from fedcmr.data.pool import pool
from fedcmr.data.record import StudyRecord
from fedcmr.data.store import Dataset, write_dataset
from fedcmr.errors import DataError

Make = Callable[..., StudyRecord]
SMALL = Preprocessing(slices=2, phases=3, size=16)


@pytest.fixture
def make(tmp_path: Path, make_record: Make) -> Callable[..., Dataset]:
    def write(name: str, *studies: str, phantom: bool = False, spacing: float = 1.5) -> Dataset:
        records = [make_record(study) for study in studies]
        arrays = {
            record.study: np.full((2, 3, 16, 16), int(record.study, 16), dtype=np.uint16)
            for record in records
        }
        preprocessing = SMALL.model_copy(update={"spacing_mm": spacing})
        return write_dataset(tmp_path / name, records, arrays, preprocessing, phantom=phantom)

    return write


def test_holds_the_studies_of_all(make: Callable[..., Dataset]) -> None:
    first, second = make("first", "c3", "a1"), make("second", "b2", phantom=True)
    both = pool([first, second])
    assert [record.study for record in both.records] == ["a1", "b2", "c3"]
    for record in both.records:
        assert (both.load(record) == int(record.study, 16)).all()
    splits = {split: both.subset(split) for split in ("train", "validation", "test")}
    for split, records in splits.items():
        assert set(records) == {*first.subset(split), *second.subset(split)}
        assert getattr(both.manifest.counts, split) == len(records)
    assert both.manifest.counts.studies == both.manifest.counts.patients == 3
    assert both.manifest.phantom
    assert both.array_sha256 == {**first.array_sha256, **second.array_sha256}


def test_the_digest_stands_for_the_content_and_not_for_the_order(
    make: Callable[..., Dataset],
) -> None:
    first, second, third = make("first", "a1"), make("second", "b2"), make("third", "c3")
    assert pool([first, second]).digest() == pool([second, first]).digest()
    assert pool([first, second]).digest() != pool([first, third]).digest()
    assert pool([first]) is first


def test_a_study_is_not_counted_twice(make: Callable[..., Dataset]) -> None:
    with pytest.raises(DataError, match="a study lies in two of the data sets"):
        pool([make("first", "a1", "b2"), make("second", "b2")])


def test_data_sets_of_another_preprocessing_do_not_mix(make: Callable[..., Dataset]) -> None:
    with pytest.raises(DataError, match="prepared in another way"):
        pool([make("first", "a1"), make("second", "b2", spacing=2.0)])
