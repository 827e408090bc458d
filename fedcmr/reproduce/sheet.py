"""A table as text: the printed rows alone, or each with ours below it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fedcmr.evaluation.results import Estimate
from fedcmr.page.numbers import p_value
from fedcmr.reproduce.arithmetic import Check
from fedcmr.reproduce.measure import Measured
from fedcmr.reproduce.published import Published, Row

NOT_RUN = "not run"
HEADINGS = {"false_positive": 'False negative (printed "False positive")'}
"""Of columns that count something else than their heading says: see the findings."""
YOUDEN = "youden"
OF_SLICES = (
    "ours: a case is a slice, and those of one patient count as independent: intervals are too "
    "narrow, p values too small"
)


@dataclass(frozen=True)
class Sheet:
    """One table, ready to be written."""

    key: str
    title: str
    source: str
    stamp: str
    """'' for a table that needs none."""
    header: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]
    """A cell for each heading."""
    notes: tuple[str, ...]
    records: tuple[dict[str, str], ...]
    """The same for a program; every record has the same keys."""


@dataclass(frozen=True)
class RowOfOurs:
    """What stands below a printed row."""

    measured: Measured | None
    why_not: str = ""
    """Where it was not run."""
    full_size: int = 0
    """Parameters of the network as it is published."""
    trained: int = 0
    """Parameters of the network that was trained."""
    steps: int = 0
    rule: str = YOUDEN
    """By which its threshold was chosen."""


def printed_sheet(key: str, table: Published, found: Sequence[Check]) -> Sheet:
    """Return a table as it was printed, with what its arithmetic says."""
    grouped = bool(table.groups)
    headings = [_heading(table, column) for column in table.columns]
    return Sheet(
        key=key,
        title=table.title,
        source=table.source,
        stamp="",
        header=("Row", *(["Group"] if grouped else []), *headings),
        lines=tuple(
            (row.label, *([row.group] if grouped else []), *(value or "-" for value in row.values))
            for row in table.rows
        ),
        notes=(*findings(found), *table.notes),
        records=tuple(_printed_record(key, table, row) for row in table.rows),
    )


def compared_sheet(
    key: str,
    table: Published,
    ours: Sequence[RowOfOurs],
    found: Sequence[Check],
    *,
    stamp: str,
    reduced: Sequence[str],
) -> Sheet:
    """Return a table with ours below each printed row.

    Args:
        key: of the table.
        table: as printed.
        ours: one for each row.
        found: checks of this table.
        stamp: what a reader must not miss; '' for none.
        reduced: in what our rows are less than published.
    """
    grouped, has_auc = bool(table.groups), "auc" in table.columns
    tests = [*(["p of AUC"] if has_auc else []), "p of sensitivity", "Trained", "Steps"]
    lines, records = [], []
    for row, mine in zip(table.rows, ours, strict=True):
        group = [row.group] if grouped else []
        printed = (value or "-" for value in row.values)
        lines.append(
            (row.label, *group, "published", _printed_n(table, row), *printed, *([""] * len(tests)))
        )
        lines.append((row.label, *group, "ours", *_cells(table, mine, has_auc)))
        records += [_printed_record(key, table, row), _record(key, table, row, mine)]
    columns = [_heading(table, column) for column in table.columns]
    return Sheet(
        key=key,
        title=table.title,
        source=table.source,
        stamp=stamp,
        header=("Row", *(["Group"] if grouped else []), "", "n (positive)", *columns, *tests),
        lines=tuple(lines),
        notes=(
            "ours: test split, 95 % intervals (AUC: DeLong, logit scale; others: Wilson), "
            "threshold by Youden on the validation split; p against the first row: DeLong's "
            "paired test for the AUC, McNemar's exact one for sensitivity; Trained: parameters of "
            "the network that was trained",
            *([OF_SLICES] if table.task == "mvo" else []),
            *(f"ours is reduced: {line}" for line in reduced),
            *_missing(table, ours),
            *(
                f"threshold of {row.label}: {mine.rule}"
                for row, mine in zip(table.rows, ours, strict=True)
                if mine.rule != YOUDEN
            ),
            *findings(found),
            *table.notes,
        ),
        records=_same_keys(records),
    )


def findings(found: Sequence[Check]) -> tuple[str, ...]:
    """Return a line for every printed value that is not what the others imply."""
    return tuple(
        f"arithmetic, {check.fit}: {check.row}: {check.text}"
        for check in found
        if check.fit != "agrees"
    )


def _missing(table: Published, ours: Sequence[RowOfOurs]) -> tuple[str, ...]:
    reasons: dict[str, list[str]] = {}
    for row, mine in zip(table.rows, ours, strict=True):
        if mine.measured is None:
            reasons.setdefault(mine.why_not, []).append(f"{row.group} {row.label}".strip())
    return tuple(f"not run: {', '.join(rows)}: {why}" for why, rows in reasons.items())


def _heading(table: Published, column: str) -> str:
    return HEADINGS.get(column, table.columns[column])


def _printed_n(table: Published, row: Row) -> str:
    if table.groups:
        n = table.groups[row.group]
        return f"{n} ({n})"
    return f"{table.positives + table.negatives} ({table.positives})"


def _cells(table: Published, mine: RowOfOurs, has_auc: bool) -> tuple[str, ...]:
    if mine.measured is None:
        return (NOT_RUN, *[""] * (len(table.columns) + 3 + has_auc))
    found = mine.measured
    cells = [f"{found.n} ({found.positives})"]
    for column in table.columns:
        if column == "parameters":
            cells.append(f"{mine.full_size:,}")
        elif column in found.estimates:
            cells.append(_estimate(found.estimates[column], table))
        else:
            cells.append(str(_count(found, column)))
    tests = [*([found.delong_p] if has_auc else []), found.mcnemar_p]
    cells += ["-" if p is None else p_value(p).removeprefix("p ").removeprefix("= ") for p in tests]
    return (*cells, f"{mine.trained:,}", f"{mine.steps:,}")


def _count(found: Measured, column: str) -> int:
    return found.counts["false_negative" if column == "false_positive" else column]


def _estimate(estimate: Estimate | None, table: Published) -> str:
    if estimate is None:
        return "not defined"
    scale, digits = (100, 1) if table.unit == "percent" else (1, 3)
    value, low, high = (
        f"{scale * part:.{digits}f}" for part in (estimate.value, estimate.low, estimate.high)
    )
    return f"{value} ({low} to {high})"


def _printed_record(key: str, table: Published, row: Row) -> dict[str, str]:
    record = {"table": key, "row": row.label, "group": row.group, "side": "published"}
    if table.task is not None:
        n = table.groups.get(row.group, table.positives)
        record |= {"n": str(n + table.negatives), "positives": str(n)}
    return record | dict(zip(table.columns, row.values, strict=True))


def _record(key: str, table: Published, row: Row, mine: RowOfOurs) -> dict[str, str]:
    record = {"table": key, "row": row.label, "group": row.group, "side": "ours"}
    if mine.measured is None:
        return record | {"status": f"{NOT_RUN}: {mine.why_not}"}
    found = mine.measured
    record |= {"n": str(found.n), "positives": str(found.positives)}
    for column in table.columns:
        if column == "parameters":
            record[column] = str(mine.full_size)
        elif column not in found.estimates:
            record[column] = str(_count(found, column))
        elif (estimate := found.estimates[column]) is not None:
            scale = 100 if table.unit == "percent" else 1
            record[column] = f"{scale * estimate.value:.6g}"
            record[f"{column}_low"] = f"{scale * estimate.low:.6g}"
            record[f"{column}_high"] = f"{scale * estimate.high:.6g}"
    for name, p in (("delong_p", found.delong_p), ("mcnemar_p", found.mcnemar_p)):
        record[name] = "" if p is None else f"{p:.6g}"
    return record | {
        "trained_parameters": str(mine.trained), "steps": str(mine.steps), "status": "run"
    }  # fmt: skip


def _same_keys(records: Sequence[Mapping[str, str]]) -> tuple[dict[str, str], ...]:
    widest = max(records, key=len, default={})
    keys = list(dict.fromkeys([*widest, *(name for record in records for name in record)]))
    return tuple({name: record.get(name, "") for name in keys} for record in records)
