"""Several data sets as one: what a centralised baseline trains on."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fedcmr.data.record import StudyRecord
from fedcmr.data.store import Counts, Dataset
from fedcmr.errors import DataError
from fedcmr.types import StoredCine, StoredMask


@dataclass(frozen=True)
class PooledDataset(Dataset):
    """Data sets side by side; nothing is copied."""

    parts: Mapping[str, Dataset]
    """Study to the data set that holds it."""

    def load(self, record: StudyRecord) -> StoredCine:
        """Return the cine of one study, read-only and mapped from disk: (Z, T, Y, X) uint16.

        Raises:
            DataError: the array file is missing, damaged or of another shape.
        """
        return self.parts[record.study].load(record)

    def load_mask(self, record: StudyRecord) -> StoredMask:
        """Return the mask of one study, read-only and mapped from disk: (Z, Y, X) uint8.

        Raises:
            DataError: as for `load`, or the study has no mask.
        """
        return self.parts[record.study].load_mask(record)

    def digest(self) -> str:
        """Return one sha256 for the content of all parts, whatever their order."""
        digests = sorted({part.path: part.digest() for part in self.parts.values()}.values())
        return hashlib.sha256("".join(digests).encode()).hexdigest()


def pool(datasets: Sequence[Dataset]) -> Dataset:
    """Return the data sets as one, with the splits that each of them made; one stays as it is.

    Raises:
        DataError: they were prepared in different ways, or a study lies in two of them.
    """
    first = datasets[0]
    if len(datasets) == 1:
        return first
    for other in datasets[1:]:
        if other.manifest.preprocessing != first.manifest.preprocessing:
            raise DataError(
                f"the data set was prepared in another way than {first.path}",
                where=str(other.path),
                fix="ingest both with the same experiment",
            )
    parts: dict[str, Dataset] = {}
    for dataset in datasets:
        if any(record.study in parts for record in dataset.records):
            raise DataError(
                "a study lies in two of the data sets",
                where=str(dataset.path),
                fix="give each data set once",
            )
        parts |= {record.study: dataset for record in dataset.records}
    manifests = [dataset.manifest for dataset in datasets]
    counts = Counts(
        **{
            name: sum(getattr(manifest.counts, name) for manifest in manifests)
            for name in Counts.model_fields
        }
    )
    return PooledDataset(
        path=first.path,
        manifest=first.manifest.model_copy(
            update={
                "counts": counts,
                "phantom": any(manifest.phantom for manifest in manifests),
                "key_fingerprint": "",
            }
        ),
        records=tuple(
            sorted(
                (record for dataset in datasets for record in dataset.records),
                key=lambda record: record.study,
            )
        ),
        array_sha256={study: part.array_sha256[study] for study, part in sorted(parts.items())},
        mask_sha256={
            study: part.mask_sha256[study]
            for study, part in sorted(parts.items())
            if study in part.mask_sha256
        },
        parts=parts,
    )
