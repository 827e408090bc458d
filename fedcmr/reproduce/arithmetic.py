"""Do the printed numbers agree with each other? Everything that they imply is computed again."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from typing import Literal, TypeAlias

from fedcmr.reproduce.published import Published, Row

Fit: TypeAlias = Literal["agrees", "cut off", "last digit", "contradiction"]
FITS: tuple[Fit, ...] = ("agrees", "cut off", "last digit", "contradiction")
"""Best first."""


@dataclass(frozen=True)
class Check:
    """One printed value beside what the others imply."""

    table: str
    row: str
    fit: Fit
    text: str
    """What was computed, and what should stand there."""


def fit(printed: str, exact: Fraction) -> Fit:
    """Return how a printed number comes from an exact one.

    "agrees": rounded to the digits printed, halves either way; "cut off" after them; off by one in
    the "last digit"; or a "contradiction".
    """
    digits = len(printed.rstrip("M").partition(".")[2])
    off = exact * 10**digits - number(printed) * 10**digits
    if abs(off) <= Fraction(1, 2):
        return "agrees"
    if 0 < off < 1:
        return "cut off"
    return "last digit" if abs(off) <= Fraction(3, 2) else "contradiction"


def number(printed: str) -> Fraction:
    """Return a printed number; millions in millions."""
    return Fraction(printed.rstrip("M"))


def checks(tables: Mapping[str, Published]) -> tuple[Check, ...]:
    """Return every value that could be computed again, in the order of the tables."""
    found: list[Check] = []
    for key, table in tables.items():
        found += _proportions(key, table)
        found += _groups(key, table)
        found += _across(key, table, tables)
        found += _statements(key, table)
    return tuple(found)


def _proportions(key: str, table: Published) -> Iterator[Check]:
    """Sensitivity and specificity are of whole cases; F1 follows from them."""
    if not (table.positives and table.negatives):
        return
    for row in table.rows:
        counts = []
        for column, n in (("sensitivity", table.positives), ("specificity", table.negatives)):
            printed = table.value(row, column)
            best, cases = _cases(printed, n, _scale(table))
            counts.append(cases)
            exact = [_scale(table) * Fraction(case, n) for case in cases]
            said = f"{_span(cases)} of {n}"
            yield _check(key, row, table.columns[column], printed, best, exact, said)
        yield _f1(key, table, row, counts[0], counts[1])


def _f1(key: str, table: Published, row: Row, tp: list[int], tn: list[int]) -> Check:
    pairs = [(hits, table.negatives - rest) for hits, rest in product(tp, tn)]
    exact = [
        _scale(table) * Fraction(2 * hits, hits + false + table.positives) for hits, false in pairs
    ]
    printed = table.value(row, "f1")
    said = (
        f"TP {_span(tp)}, FN {_span([table.positives - hits for hits in tp])}, "
        f"FP {_span([false for _, false in pairs])}"
    )
    return _check(key, row, table.columns["f1"], printed, _best(printed, exact), exact, said)


def _groups(key: str, table: Published) -> Iterator[Check]:
    """In a group of n positives, TP and FN make n, and TP / n is the sensitivity."""
    for group, n in table.groups.items():
        rows = [row for row in table.rows if row.group == group]
        others = [int(table.value(row, "false_positive")) for row in rows]
        hits = [int(table.value(row, "true_positive")) for row in rows]
        for row, true in zip(rows, hits, strict=True):
            printed = table.value(row, "sensitivity")
            exact = [_scale(table) * Fraction(true, n)]
            said = f"{true} of {n}"
            yield _check(key, row, "Sensitivity", printed, _best(printed, exact), exact, said)
        # False positives are no positives: that they fill up to n each time is no chance.
        if all(true + other == n for true, other in zip(hits, others, strict=True)):
            heading = table.columns["false_positive"]
            text = (
                f'column "{heading}" and TP make {n}, the positives, in each of {len(rows)} rows: '
                "it counts false negatives"
            )
            yield Check(key, group, "contradiction", text)


def _across(key: str, table: Published, tables: Mapping[str, Published]) -> Iterator[Check]:
    """Rows of the same network print the same; groups add up to all cases."""
    for other_key, other in tables.items():
        if other_key <= key or other.task != table.task or table.task is None:
            continue
        if other.groups:
            yield from _added(key, table, other_key, other)
            continue
        for row, twin in product(table.rows, other.rows):
            if row.ours == twin.ours:
                for column in (name for name in table.columns if name in other.columns):
                    ours, theirs = table.value(row, column), other.value(twin, column)
                    same: Fit = "agrees" if ours == theirs else "contradiction"
                    text = f"{table.columns[column]} printed {ours}, in {other_key} {theirs}"
                    yield Check(key, row.label, same, text)


def _added(key: str, table: Published, other_key: str, other: Published) -> Iterator[Check]:
    for row in table.rows:
        parts = [twin for twin in other.rows if twin.label == row.label]
        hits = sum(int(other.value(part, "true_positive")) for part in parts)
        printed = table.value(row, "sensitivity")
        exact = [_scale(table) * Fraction(hits, sum(other.groups.values()))]
        said = f"{hits} of {sum(other.groups.values())} in {other_key}"
        yield _check(key, row, "Sensitivity", printed, _best(printed, exact), exact, said)


def _statements(key: str, table: Published) -> Iterator[Check]:
    """What is printed of several rows at once."""

    def of(label: str, column: str) -> Fraction:
        return number(table.value(table.row(label), column))

    for ratio in table.ratios:
        top, bottom = (
            table.value(table.row(label), ratio.column) for label in (ratio.of, ratio.to)
        )
        ends = [a / b for a, b in product(_ends(top), _ends(bottom))]
        low, high, printed = min(ends), max(ends), number(ratio.printed)
        # Both are rounded, so that the quotient is a range.
        near = low <= printed + Fraction(1, 2) and printed - Fraction(1, 2) <= high
        text = f"{ratio.text}: {top} / {bottom} is {float(low):.2f} to {float(high):.2f}"
        yield Check(key, f"{ratio.of} / {ratio.to}", "agrees" if near else "contradiction", text)
    if table.additive:
        yield _additive(key, table)
    for share in table.shares:
        exact = [100 * of(share.of, share.column) / of(share.to, share.column)]
        said = f"{of(share.of, share.column)} of {of(share.to, share.column)}"
        row = table.row(share.of)
        found = _best(share.printed, exact)
        yield _check(key, row, "percentage", share.printed, found, exact, said)
    for relation, wanted in ((table.sums, "is"), (table.at_most, "is at most")):
        for one in relation:
            total, whole = sum(of(part, one.column) for part in one.parts), of(one.all, one.column)
            holds = total == whole if wanted == "is" else total <= whole
            text = f"{' + '.join(one.parts)} = {total} {wanted} {whole} ({one.column})"
            yield Check(key, one.all, "agrees" if holds else "contradiction", text)
    for span in table.ranges:
        low, high = number(span.low), number(span.high)
        for label in span.rows:
            inside = low <= of(label, span.column) <= high
            text = (
                f"{table.columns[span.column]} {table.value(table.row(label), span.column)}, "
                f"{span.text} printed as {span.low} to {span.high}"
            )
            yield Check(key, label, "agrees" if inside else "contradiction", text)


def _additive(key: str, table: Published) -> Check:
    parts = table.additive
    assert parts is not None
    none, whole = (
        number(table.value(table.row(label), parts.column)) for label in (parts.none, parts.all)
    )
    gains = [number(table.value(table.row(label), parts.column)) - none for label in parts.parts]
    expected, printed = none + sum(gains), table.value(table.row(parts.all), parts.column)
    # Each of the numbers may be half a digit off, or a whole one where it was cut off.
    slack = Fraction(2 * (len(gains) + 1), 10 ** len(printed.rstrip("M").partition(".")[2]))
    off = whole - expected
    text = (
        f"{table.columns[parts.column]}: {float(none):.2f}M and what "
        f"{' and '.join(parts.parts)} add ({', '.join(f'{float(gain):.2f}M' for gain in gains)}) "
        f"make {float(expected):.2f}M; printed {printed}, {abs(float(off)):.2f}M "
        f"{'less' if off < 0 else 'more'}"
    )
    return Check(key, parts.all, "agrees" if abs(off) <= slack else "contradiction", text)


def _cases(printed: str, n: int, scale: int) -> tuple[Fit, list[int]]:
    """Return which counts of n a printed proportion can stand for, and how well they fit."""
    fits = [fit(printed, scale * Fraction(case, n)) for case in range(n + 1)]
    best = min(fits, key=FITS.index)
    return best, [case for case, found in enumerate(fits) if found == best]


def _best(printed: str, exact: Iterable[Fraction]) -> Fit:
    return min((fit(printed, one) for one in exact), key=FITS.index)


def _check(
    key: str, row: Row, heading: str, printed: str, found: Fit, exact: list[Fraction], said: str
) -> Check:
    digits = len(printed.partition(".")[2])
    halves_up = (math.floor(x * 10**digits + Fraction(1, 2)) / 10**digits for x in exact)
    right = sorted({f"{value:.{digits}f}" for value in halves_up})
    if printed.startswith("."):
        right = [one.removeprefix("0") for one in right]
    text = f"{heading} printed {printed}; {said} give {' or '.join(right)}"
    return Check(key, f"{row.group} {row.label}".strip(), found, text)


def _ends(printed: str) -> tuple[Fraction, Fraction]:
    half = Fraction(1, 2 * 10 ** len(printed.rstrip("M").partition(".")[2]))
    return number(printed) - half, number(printed) + half


def _scale(table: Published) -> int:
    return 100 if table.unit == "percent" else 1


def _span(counts: Iterable[int]) -> str:
    found = sorted(counts)
    return str(found[0]) if found[0] == found[-1] else f"{found[0]} to {found[-1]}"
