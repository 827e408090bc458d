"""The site's label file: one line per patient, read by column name.

Columns: `patient_id` as in the DICOM headers, and any of `scar`, `mvo` (0, 1 or empty),
`aetiology` (ischaemic, non-ischaemic, none), `sex` (F, M, O), `age` (years).
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fedcmr.data.record import AETIOLOGIES, SEXES
from fedcmr.errors import DataError

REQUIRED = "patient_id"
OPTIONAL = ("scar", "mvo", "aetiology", "sex", "age")
MAX_AGE = 130


@dataclass(frozen=True)
class Label:
    """What the site knows of one patient; None where its cell is empty."""

    scar: int | None = None
    mvo: int | None = None
    aetiology: str | None = None
    sex: str | None = None
    age: int | None = None


def read_labels(path: Path) -> Mapping[str, Label]:
    """Read a label file: patient_id to label.

    Raises:
        DataError: no such file, no patient_id column, an unknown column, a value that a column
            does not allow, or a patient twice; the message names the line, never the patient.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            columns = [name.strip().lower() for name in reader.fieldnames or ()]
            reader.fieldnames = columns
            rows = list(reader)
    except OSError as error:
        raise DataError(
            f"the label file cannot be read: {error.strerror}", where=str(path)
        ) from None
    except (UnicodeDecodeError, csv.Error):
        raise DataError(
            "the label file is not CSV in UTF-8", where=str(path), fix="save it as CSV UTF-8"
        ) from None
    _check_columns(columns, path)
    labels: dict[str, Label] = {}
    lines: dict[str, int] = {}
    for line, row in enumerate(rows, start=2):
        where = f"{path}, line {line}"
        if None in row or None in row.values():
            raise DataError(f"the line has not {len(columns)} cells", where=where)
        patient = row[REQUIRED].strip()
        if not patient:
            raise DataError("patient_id is empty", where=where, fix="fill it in or drop the line")
        label = _label(row, where)
        if patient in labels:
            kind = "repeats" if labels[patient] == label else "contradicts"
            raise DataError(
                f"the patient of this line {kind} line {lines[patient]}",
                where=where,
                fix="keep one line per patient",
            )
        labels[patient], lines[patient] = label, line
    return labels


def _check_columns(columns: list[str], path: Path) -> None:
    known = (REQUIRED, *OPTIONAL)
    if REQUIRED not in columns:
        fix = f"separate columns by commas; they are {', '.join(known)}"
        raise DataError("no column patient_id", where=str(path), fix=fix)
    if any(name not in known for name in columns) or len(set(columns)) != len(columns):
        place = next(
            number
            for number, name in enumerate(columns, start=1)
            if name not in known or columns.index(name) != number - 1
        )
        raise DataError(
            f"column {place} is unknown or there twice",
            where=str(path),
            fix=f"columns: {', '.join(known)}",
        )


def _label(row: Mapping[str, str], where: str) -> Label:
    cells = {name: (row.get(name) or "").strip() for name in OPTIONAL}
    return Label(
        scar=_flag(cells["scar"], "scar", where),
        mvo=_flag(cells["mvo"], "mvo", where),
        aetiology=_word(cells["aetiology"].lower(), AETIOLOGIES, "aetiology", where),
        sex=_word(cells["sex"].upper(), SEXES[:3], "sex", where),
        age=_age(cells["age"], where),
    )


def _flag(cell: str, column: str, where: str) -> int | None:
    word = _word(cell, ("0", "1"), column, where)
    return None if word is None else int(word)


def _word(cell: str, words: tuple[str, ...], column: str, where: str) -> str | None:
    if cell and cell not in words:
        raise DataError(
            f"column {column} holds something else than {', '.join(words)} or nothing", where=where
        )
    return cell or None


def _age(cell: str, where: str) -> int | None:
    if cell and not (cell.isdecimal() and int(cell) <= MAX_AGE):
        raise DataError(f"column age holds no whole number of years up to {MAX_AGE}", where=where)
    return int(cell) if cell else None
