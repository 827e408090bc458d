"""A data set on disk.

`dataset.yaml` is written last, so a folder that has one is complete. `index.csv` holds a line per
study with the sha256 of its array, so that both files together stand for the whole content.
"""

import csv
import hashlib
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import yaml

from fedcmr.config import Preprocessing
from fedcmr.data.record import COLUMNS, StudyRecord, parse_row
from fedcmr.durable import write_atomically
from fedcmr.errors import ConfigurationError, DataError
from fedcmr.settings import Settings, load_settings
from fedcmr.types import Split, StoredCine, StoredMask

MANIFEST = "dataset.yaml"
INDEX = "index.csv"
EXCLUSIONS = "exclusions.csv"
STUDIES = "studies"
ARRAY, MASK = ".npy", ".mask.npy"
EXCLUSION_COLUMNS = ("scope", "code", "reason", "study", "files", "frames", "locator")


class Counts(Settings):
    """How much a data set holds."""

    patients: int
    studies: int
    train: int
    validation: int
    test: int
    exclusions: int


class Manifest(Settings):
    """Content of dataset.yaml."""

    schema_version: Literal[1] = 1
    preprocessing: Preprocessing
    preprocessing_digest: str
    counts: Counts
    phantom: bool
    """True when any study is synthetic."""
    key_fingerprint: str = ""
    """Tells whether two data sets were made under the same site key; does not reveal it."""


@dataclass(frozen=True)
class Dataset:
    """An opened data set; arrays stay on disk until they are asked for."""

    path: Path
    manifest: Manifest
    records: tuple[StudyRecord, ...]
    """Sorted by study."""
    array_sha256: Mapping[str, str]
    """Study to the sha256 of its array file."""
    mask_sha256: Mapping[str, str]
    """The same of the masks, for studies that have one."""

    def check(self, preprocessing: Preprocessing) -> None:
        """Check that the cines are what an experiment asks for.

        Raises:
            ConfigurationError: they were prepared in another way.
        """
        if self.manifest.preprocessing != preprocessing:
            raise ConfigurationError(
                "the data set was prepared in another way than the experiment asks for",
                where=str(self.path),
                fix="ingest again with this experiment",
            )

    def load(self, record: StudyRecord) -> StoredCine:
        """Return the cine of one study, read-only and mapped from disk: (Z, T, Y, X) uint16.

        Raises:
            DataError: the array file is missing, damaged or of another shape.
        """
        settings = self.manifest.preprocessing
        slices = record.slices if settings.per_slice else settings.slices
        side = settings.stored_side
        path = self.path / STUDIES / f"{record.study}{ARRAY}"
        array: StoredCine = _mapped(path, (slices, settings.phases, side, side), np.uint16)
        return array

    def load_mask(self, record: StudyRecord) -> StoredMask:
        """Return the mask of one study, read-only and mapped from disk: (Z, Y, X) uint8.

        Raises:
            DataError: as for `load`, or the study has no mask.
        """
        side = self.manifest.preprocessing.stored_side
        path = self.path / STUDIES / f"{record.study}{MASK}"
        mask: StoredMask = _mapped(path, (record.slices, side, side), np.uint8)
        return mask

    def subset(self, split: Split) -> tuple[StudyRecord, ...]:
        """Return the records of one split, sorted by study."""
        return tuple(record for record in self.records if record.split == split)

    def digest(self) -> str:
        """Return one sha256 for manifest, index and, through the index, all arrays."""
        both = b"".join((self.path / name).read_bytes() for name in (MANIFEST, INDEX))
        return hashlib.sha256(both).hexdigest()


def _mapped(path: Path, shape: tuple[int, ...], kind: type[np.generic]) -> Any:
    try:
        # Unlike np.load this opens nothing but an array: no archive, no pickle.
        array = np.lib.format.open_memmap(path, mode="r")
    except Exception:  # numpy reads the header as Python text and lets any error of it through
        raise DataError(
            "the array of a study cannot be read", where=str(path), fix="run ingest again"
        ) from None
    if array.shape != shape or array.dtype != kind:
        raise DataError(
            f"the array is {array.dtype}{array.shape}, not {np.dtype(kind)}{shape}",
            where=str(path),
            fix="run ingest again",
        )
    return array


def open_dataset(path: Path) -> Dataset:
    """Open a data set; reads dataset.yaml and index.csv only.

    Raises:
        DataError: no complete data set in this folder, or its index cannot be read.
        ConfigurationError: dataset.yaml has keys or values that this version does not know.
    """
    if not (path / MANIFEST).is_file():
        raise DataError(
            f"no complete data set: {MANIFEST} is missing", where=str(path), fix="run ingest"
        )
    manifest = load_settings(path / MANIFEST, Manifest)
    index = path / INDEX
    try:
        with index.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error):
        raise DataError(
            "the index cannot be read", where=str(index), fix="run ingest again"
        ) from None
    if len(rows) != manifest.counts.studies:
        raise DataError(
            f"{len(rows)} lines in the index, {manifest.counts.studies} in {MANIFEST}",
            where=str(index),
            fix="run ingest again",
        )
    records = tuple(
        parse_row(row, where=f"{index}, line {line}") for line, row in enumerate(rows, start=2)
    )
    checksums = {row["study"]: row.get("sha256") or "" for row in rows}
    masks = {row["study"]: row["mask_sha256"] for row in rows if row.get("mask_sha256")}
    return Dataset(path, manifest, records, checksums, masks)


def write_dataset(
    path: Path,
    records: Iterable[StudyRecord],
    arrays: Mapping[str, StoredCine],
    preprocessing: Preprocessing,
    *,
    phantom: bool,
    exclusions: Sequence[Mapping[str, str]] = (),
    masks: Mapping[str, StoredMask] = MappingProxyType({}),
) -> Dataset:
    """Write a whole data set from memory.

    Args:
        path: of the data set.
        records: of the studies.
        arrays: study to (Z, T, Y, X) uint16.
        preprocessing: that made the arrays.
        phantom: whether any study is synthetic.
        exclusions: lines of exclusions.csv.
        masks: study to (Z, Y, X) uint8.
    """
    records = tuple(records)
    checksums, of_masks = (
        {
            study: write_array(path / STUDIES / f"{study}{ending}", array)
            for study, array in written.items()
        }
        for written, ending in (
            ({record.study: arrays[record.study] for record in records}, ARRAY),
            (masks, MASK),
        )
    )
    finish_dataset(
        path,
        records,
        checksums,
        preprocessing,
        phantom=phantom,
        exclusions=exclusions,
        mask_checksums=of_masks,
    )
    return open_dataset(path)


def finish_dataset(
    path: Path,
    records: Iterable[StudyRecord],
    checksums: Mapping[str, str],
    preprocessing: Preprocessing,
    *,
    phantom: bool,
    exclusions: Sequence[Mapping[str, str]],
    key_fingerprint: str = "",
    mask_checksums: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Write exclusions, index and, last, the manifest; the arrays must be in place already."""
    ordered = sorted(records, key=lambda record: record.study)
    splits = [record.split for record in ordered]
    counts = Counts(
        patients=len({record.patient for record in ordered}),
        studies=len(ordered),
        train=splits.count("train"),
        validation=splits.count("validation"),
        test=splits.count("test"),
        exclusions=len(exclusions),
    )
    manifest = Manifest(
        preprocessing=preprocessing,
        preprocessing_digest=preprocessing.digest(),
        counts=counts,
        phantom=phantom,
        key_fingerprint=key_fingerprint,
    )
    index = [
        record.to_row()
        | {
            "sha256": checksums[record.study],
            "mask_sha256": mask_checksums.get(record.study, ""),
        }
        for record in ordered
    ]
    write_atomically(path / EXCLUSIONS, _csv(EXCLUSION_COLUMNS, exclusions))
    write_atomically(path / INDEX, _csv((*COLUMNS, "sha256", "mask_sha256"), index))
    text = yaml.safe_dump(manifest.model_dump(mode="json"), sort_keys=False)
    write_atomically(path / MANIFEST, text.encode())


def write_array(path: Path, array: np.ndarray) -> str:
    """Write one .npy atomically and return its sha256 in hex."""
    array = np.ascontiguousarray(array)
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, np.lib.format.header_data_from_array_1_0(array))
    content = head.getvalue(), array.reshape(-1).view(np.uint8).data
    write_atomically(path, *content)
    digest = hashlib.sha256(content[0])
    digest.update(content[1])
    return digest.hexdigest()


def _csv(columns: Sequence[str], rows: Iterable[Mapping[str, str]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()
