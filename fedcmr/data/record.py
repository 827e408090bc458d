"""One study of a data set, as a row of `index.csv`."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

from fedcmr.errors import DataError
from fedcmr.types import Split

SPLITS: tuple[Split, ...] = ("train", "validation", "test")
AETIOLOGIES = ("ischaemic", "non-ischaemic", "none", "unknown")
_STEM = re.compile(r"[A-Za-z0-9_-]{1,128}")
SEXES = ("F", "M", "O", "unknown")


@dataclass(frozen=True)
class StudyRecord:
    """What is known of one study; nothing in it names a patient."""

    study: str
    """Pseudonym in hex, also the stem of the array file."""
    patient: str
    """Pseudonym of the patient."""
    vendor: str
    """Maker from a closed list, or "unknown"."""
    field_strength: str
    """Nominal: "1.5T", "3T", or "unknown"."""
    model: str
    """Scanner family from a closed list, or "unknown"."""
    sex: str
    age_band: str
    """Decade such as "40-49", or "unknown"; never the age."""
    aetiology: str
    scar: int | None
    """0 or 1; None is unlabelled."""
    mvo: int | None
    """0 or 1; None is unlabelled."""
    split: Split
    slices: int
    """As acquired."""
    phases: int
    """As acquired."""
    spacing_mm: float
    """In the image plane, as acquired."""
    slice_distance_mm: float
    """Between neighbouring slice centres, along the normal."""
    rr_ms: float
    """Median RR interval."""
    flags: tuple[str, ...]
    """Codes of quality findings, sorted."""
    mvo_slices: tuple[int | None, ...] = ()
    """Of each stored slice, 0 or 1 by its whole mask, None without one; () in a data set of
    studies."""

    def to_row(self) -> dict[str, str]:
        """Return the cells of one line of index.csv."""
        cells = {name: "" if value is None else str(value) for name, value in asdict(self).items()}
        slices = " ".join("." if value is None else str(value) for value in self.mvo_slices)
        return cells | {"flags": " ".join(self.flags), "mvo_slices": slices}


COLUMNS = tuple(field.name for field in fields(StudyRecord))


def parse_row(row: Mapping[str, str], *, where: str) -> StudyRecord:
    """Read one line of index.csv.

    Raises:
        DataError: a column is missing or holds a value that the column does not allow.
    """
    try:
        split = next(name for name in SPLITS if name == row["split"])
        return StudyRecord(
            study=_stem(row["study"]),
            patient=row["patient"],
            vendor=row["vendor"],
            field_strength=row["field_strength"],
            model=row["model"],
            sex=_one_of(row["sex"], SEXES),
            age_band=row["age_band"],
            aetiology=_one_of(row["aetiology"], AETIOLOGIES),
            scar=_label(row["scar"]),
            mvo=_label(row["mvo"]),
            split=split,
            slices=int(row["slices"]),
            phases=int(row["phases"]),
            spacing_mm=float(row["spacing_mm"]),
            slice_distance_mm=float(row["slice_distance_mm"]),
            rr_ms=float(row["rr_ms"]),
            flags=tuple(row["flags"].split()),
            mvo_slices=_slices(row["mvo_slices"], int(row["slices"])),
        )
    except (KeyError, ValueError, StopIteration):
        raise DataError(
            "a line of the index cannot be read", where=where, fix="run ingest again"
        ) from None


def _stem(value: str) -> str:
    if not _STEM.fullmatch(value):  # it becomes a part of paths
        raise ValueError(value)
    return value


def _one_of(value: str, words: tuple[str, ...]) -> str:
    if value not in words:
        raise ValueError(value)
    return value


def _label(cell: str) -> int | None:
    return int(_one_of(cell, ("0", "1"))) if cell else None


def _slices(cells: str, slices: int) -> tuple[int | None, ...]:
    labels = tuple(_label(cell.replace(".", "")) for cell in cells.split())
    if len(labels) not in {0, slices}:
        raise ValueError(cells)
    return labels
