"""Predictions of single cases, as a person has them at hand."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fedcmr.errors import DataError
from fedcmr.evaluation.strata import FLAG, Columns, Level
from fedcmr.types import DoubleArray

FLAGS = "flags"
"""Column of quality flags, separated by spaces: each is a stratification of its own."""


@dataclass(frozen=True)
class Cases:
    """Scored and labelled cases, sorted by study."""

    studies: tuple[str, ...]
    labels: NDArray[np.int64]
    """(N,) of 0 and 1."""
    scores: DoubleArray
    """(N,) in [0, 1]."""
    strata: dict[Columns, tuple[Level, ...]]
    """Stratification to the level of each case."""
    left_out: int
    """Lines without a score or a label."""


def read_cases(path: Path, strata: Sequence[str] = ()) -> Cases:
    """Read a CSV file with the columns study, label and score.

    Args:
        path: of the file; what `fedcmr predict` writes, plus a label of 0 or 1.
        strata: columns to report by; two joined by "+" for a two-way table.

    Raises:
        DataError: no such file, a column is missing, a value is not allowed, or a study is there
            twice; the line is named, the study is not.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            columns = [part for name in strata for part in name.split("+")]
            missing = {"study", "label", "score", *columns} - set(reader.fieldnames or ())
            if missing:
                raise DataError(
                    f"no column {', '.join(sorted(missing))}",
                    where=str(path),
                    fix="give study, label, score and the columns named by --strata",
                )
            rows = [(reader.line_num, row) for row in reader]
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", where=str(path)) from None
    except (UnicodeDecodeError, csv.Error):
        raise DataError("not a CSV file in UTF-8", where=str(path)) from None
    kept = [(line, row) for line, row in rows if row["score"] and row["label"]]
    kept.sort(key=lambda item: item[1]["study"] or "")
    studies = tuple(row["study"] or "" for _, row in kept)
    if "" in studies:
        raise DataError("a scored line names no study", where=f"{path}, line {kept[0][0]}")
    for (line, row), before in zip(kept[1:], studies, strict=False):
        if row["study"] == before:
            raise DataError("a study that is there twice", where=f"{path}, line {line}")
    return Cases(
        studies=studies,
        labels=np.array([_label(row, path, line) for line, row in kept], dtype=np.int64),
        scores=np.array([_score(row, path, line) for line, row in kept], dtype=np.float64),
        strata=_strata([row for _, row in kept], strata),
        left_out=len(rows) - len(kept),
    )


def _label(row: dict[str, str], path: Path, line: int) -> int:
    if row["label"] not in ("0", "1"):
        raise DataError("label must be 0 or 1", where=f"{path}, line {line}")
    return int(row["label"])


def _score(row: dict[str, str], path: Path, line: int) -> float:
    try:
        score = float(row["score"])
    except ValueError:
        score = -1.0
    if not 0 <= score <= 1:
        raise DataError("score must be a number from 0 to 1", where=f"{path}, line {line}")
    return score


def _strata(
    rows: Sequence[dict[str, str]], names: Sequence[str]
) -> dict[Columns, tuple[Level, ...]]:
    found: dict[Columns, tuple[Level, ...]] = {}
    for name in names:
        if name == FLAGS:
            flags = [set((row[FLAGS] or "").split()) for row in rows]
            for flag in sorted(set().union(*flags)):
                found[f"{FLAG}{flag}",] = tuple(("yes" if flag in f else "no",) for f in flags)
        else:
            by = tuple(name.split("+"))
            found[by] = tuple(tuple(row[column] or "unknown" for column in by) for row in rows)
    return found
