from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fedcmr.config import Preprocessing
from fedcmr.data.record import StudyRecord
from fedcmr.data.store import Dataset, open_dataset, write_dataset
from fedcmr.errors import ConfigurationError, DataError

Make = Callable[..., StudyRecord]
SMALL = Preprocessing(slices=2, phases=3, size=16)


@pytest.fixture
def dataset(tmp_path: Path, make_record: Make) -> Dataset:
    records = [
        make_record("b2", split="train"),
        make_record("a1", split="test"),
        make_record("c3", split="train", patient="b2p"),
    ]
    rng = np.random.default_rng(3)
    arrays = {
        record.study: rng.integers(0, 65536, (2, 3, 16, 16), dtype=np.uint16) for record in records
    }
    exclusion = dict.fromkeys(("scope", "code", "reason", "study", "locator"), "x") | {
        "files": "15",
        "frames": "15",
    }
    written = write_dataset(
        tmp_path / "set", records, arrays, SMALL, phantom=True, exclusions=[exclusion]
    )
    for record in records:
        np.testing.assert_array_equal(written.load(record), arrays[record.study])
    return written


def test_opens_sorted_and_counted(dataset: Dataset) -> None:
    opened = open_dataset(dataset.path)
    assert [record.study for record in opened.records] == ["a1", "b2", "c3"]
    assert [record.study for record in opened.subset("train")] == ["b2", "c3"]
    counts = opened.manifest.counts
    assert (counts.patients, counts.studies, counts.train, counts.exclusions) == (2, 3, 2, 1)
    assert opened.manifest.phantom
    assert opened.manifest.preprocessing_digest == SMALL.digest()


def test_opening_reads_manifest_and_index_only(dataset: Dataset) -> None:
    for file in (dataset.path / "studies").iterdir():
        file.write_bytes(b"")
    assert len(open_dataset(dataset.path).records) == 3


def test_digest_changes_with_an_array(dataset: Dataset, make_record: Make) -> None:
    arrays = {record.study: np.array(dataset.load(record)) for record in dataset.records}
    arrays["a1"][0, 0, 0, 0] ^= 1
    other = write_dataset(
        dataset.path.with_name("other"), dataset.records, arrays, SMALL, phantom=True
    )
    same = write_dataset(
        dataset.path.with_name("same"), dataset.records, arrays, SMALL, phantom=True
    )
    assert other.digest() != dataset.digest()
    assert other.digest() == same.digest()


def test_no_partial_files_remain(dataset: Dataset) -> None:
    names = sorted(file.name for file in dataset.path.rglob("*") if file.is_file())
    assert names == ["a1.npy", "b2.npy", "c3.npy", "dataset.yaml", "exclusions.csv", "index.csv"]


def test_without_manifest_is_not_a_dataset(dataset: Dataset) -> None:
    (dataset.path / "dataset.yaml").unlink()
    with pytest.raises(DataError, match=r"dataset\.yaml is missing"):
        open_dataset(dataset.path)


def test_unknown_key_in_manifest_is_refused(dataset: Dataset) -> None:
    manifest = dataset.path / "dataset.yaml"
    manifest.write_text(manifest.read_text() + "colour: red\n")
    with pytest.raises(ConfigurationError, match="colour"):
        open_dataset(dataset.path)


def test_a_shortened_index_is_refused(dataset: Dataset) -> None:
    index = dataset.path / "index.csv"
    index.write_text("\n".join(index.read_text().splitlines()[:-1]) + "\n")
    with pytest.raises(DataError, match="2 lines in the index, 3"):
        open_dataset(dataset.path)


@pytest.mark.parametrize("damage", ["missing", "cut", "shape"])
def test_a_damaged_array_is_refused(dataset: Dataset, damage: str) -> None:
    path = dataset.path / "studies" / "a1.npy"
    if damage == "missing":
        path.unlink()
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:-100])
    else:
        np.save(path, np.zeros((2, 3, 16, 15), np.uint16))
    with pytest.raises(DataError, match=r"a1\.npy"):
        dataset.load(dataset.records[0])


def test_masks_are_part_of_the_content(tmp_path: Path, make_record: Make) -> None:
    shape = SMALL.model_copy(update={"slices": 1, "margin": 8})
    record = make_record("a", slices=2, mvo_slices=(0, 1))
    cine, mask = np.zeros((2, 3, 24, 24), np.uint16), np.zeros((2, 24, 24), np.uint8)
    digests = set()
    for name, value in (("one", 1), ("two", 2)):
        mask[1, 3, 4] = value
        data = write_dataset(
            tmp_path / name, [record], {"a": cine}, shape, phantom=True, masks={"a": mask}
        )
        np.testing.assert_array_equal(data.load_mask(record), mask)
        assert data.load(record).shape == (2, 3, 24, 24)
        digests.add(data.digest())
    assert len(digests) == 2
    (data.path / "studies" / "a.mask.npy").unlink()
    with pytest.raises(DataError, match="cannot be read"):
        data.load_mask(record)
