"""Sheets as CSV, Markdown and LaTeX: the same sheet gives the same bytes."""

import csv
import io
from pathlib import Path

from fedcmr.durable import write_atomically
from fedcmr.reproduce.sheet import Sheet

_SPECIAL = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        **{letter: f"\\{letter}" for letter in "&%$#_{}"},
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": "$<$",
    }
)


def write_sheet(sheet: Sheet, out: Path) -> None:
    """Write KEY.csv, KEY.md and KEY.tex, each whole.

    Raises:
        DataError: the disk is full, or the folder may not be written.
    """
    for ending, text in (
        ("csv", csv_text(sheet)),
        ("md", markdown(sheet)),
        ("tex", latex(sheet)),
    ):
        write_atomically(out / f"{sheet.key}.{ending}", text.encode())


def csv_text(sheet: Sheet) -> str:
    """Return a line per row and side, numbers apart from their intervals."""
    text = io.StringIO()
    records = [{"stamp": sheet.stamp.partition(":")[0], **record} for record in sheet.records]
    writer = csv.DictWriter(text, list(records[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return text.getvalue()


def markdown(sheet: Sheet) -> str:
    """Return a table that reads as well unrendered: its columns are aligned."""
    rows = [sheet.header, *sheet.lines]
    widths = [max(3, *(len(row[i]) for row in rows)) for i in range(len(sheet.header))]

    def line(cells: tuple[str, ...]) -> str:
        padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
        return f"| {' | '.join(padded)} |"

    rule = tuple("-" * width for width in widths)
    parts = [f"## {sheet.key}. {sheet.title}", f"{sheet.source}"]
    if sheet.stamp:
        parts.append(f"**{sheet.stamp}**")
    parts.append("\n".join([line(sheet.header), line(rule), *(line(row) for row in sheet.lines)]))
    if sheet.notes:
        parts.append("\n".join(f"- {note}" for note in sheet.notes))
    return "\n\n".join(parts) + "\n"


def latex(sheet: Sheet) -> str:
    r"""Return a table for \input; needs the package booktabs."""

    def row(cells: tuple[str, ...]) -> str:
        return f"{' & '.join(cell.translate(_SPECIAL) for cell in cells)} \\\\"

    stamp = rf" \textbf{{{sheet.stamp.translate(_SPECIAL)}}}" if sheet.stamp else ""
    caption = f"{sheet.title} ({sheet.source})."
    lines = [
        r"\begin{table}",
        rf"\caption{{{caption.translate(_SPECIAL)}{stamp}}}",
        rf"\label{{tab:{sheet.key}}}",
        rf"\begin{{tabular}}{{{'l' * len(sheet.header)}}}",
        r"\toprule",
        row(sheet.header),
        r"\midrule",
        *(row(cells) for cells in sheet.lines),
        r"\bottomrule",
        r"\end{tabular}",
        *(rf"\par\footnotesize {note.translate(_SPECIAL)}" for note in sheet.notes),
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"
