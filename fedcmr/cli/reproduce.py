"""`fedcmr reproduce`: the papers' tables, as printed and beside ours."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fedcmr.errors import UsageError

if TYPE_CHECKING:
    from fedcmr.config import TaskName
    from fedcmr.data.store import Dataset
    from fedcmr.reproduce.sheet import Sheet

ALL = "all"
LOCK = ".lock"


def reproduce_command(
    table: Annotated[str, typer.Argument(help="R1 to R11, or all.")],
    data: Annotated[
        list[Path] | None,
        typer.Option(help="Data set, as ingest wrote it; several of one task count as one."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for tables, weights and results of every row.")
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(help="Time for all rows, such as 10m: smaller networks, fewer steps."),
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="At most so many for each row.")] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, envvar="FEDCMR_THREADS", help="CPU threads; all without.")
    ] = None,
    published_only: Annotated[
        bool,
        typer.Option("--published-only", help="Train nothing: print and check the papers."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the tables as JSON.")] = False,
) -> None:
    """Train the rows of a published table and print them beside the published ones.

    The same command goes on where it was interrupted, row by row and inside a row. Writes
    TABLE.csv, TABLE.md and TABLE.tex.

    Examples: fedcmr reproduce R1 --data dataset --out tables; fedcmr reproduce all --published-only
    """
    from fedcmr.reproduce.published import published
    from fedcmr.reproduce.tables import printed
    from fedcmr.reproduce.write import write_sheet

    if table != ALL and table not in published():
        raise UsageError(f"no table {table!r}", fix=f"choose {', '.join(published())} or {ALL}")
    keys = list(published()) if table == ALL else [table]
    if published_only:
        if data or budget or epochs:
            raise UsageError("--published-only trains nothing", fix="leave the other options out")
        sheets = list(printed(keys))
        for sheet in sheets if out else ():
            write_sheet(sheet, out)  # type: ignore[arg-type]  # the loop is empty without
    else:
        if not data or out is None:
            raise UsageError("--data and --out are missing", fix="or give --published-only")
        sheets = _train(keys, data, out, budget, epochs, threads)
    if as_json:
        typer.echo(json.dumps({sheet.key: _json(sheet) for sheet in sheets}, indent=2))
        return
    for sheet in sheets:
        _print(sheet)
    _print_audit(keys)


def _train(
    keys: list[str],
    data: list[Path],
    out: Path,
    budget: str | None,
    epochs: int | None,
    threads: int | None,
) -> list["Sheet"]:
    import torch

    from fedcmr.cli.lock import only_one
    from fedcmr.reproduce.published import published
    from fedcmr.reproduce.recipe import parse_budget
    from fedcmr.reproduce.tables import Reproduction, printed

    ours = [key for key in keys if published()[key].task is not None]
    if not ours:
        raise UsageError(
            f"fedcmr has no network for {keys[0]}", fix="give --published-only to print it"
        )
    seconds = None if budget is None else parse_budget(budget)
    datasets = _by_task(data)
    missing = {published()[key].task for key in ours} - set(datasets)
    if len(keys) == 1 and missing:
        raise UsageError(
            f"{keys[0]} needs a data set of the task {missing.pop()}",
            fix="ingest with an experiment of that task",
        )
    if threads is not None:
        torch.set_num_threads(threads)
    out.mkdir(parents=True, exist_ok=True)
    with only_one(out / LOCK):
        made = Reproduction(ours, datasets, out, budget=seconds, epochs=epochs)
        return [*made.run(), *printed([key for key in keys if key not in ours])]


def _by_task(data: list[Path]) -> dict["TaskName", "Dataset"]:
    from fedcmr.data.pool import pool
    from fedcmr.data.store import open_dataset

    found = [open_dataset(path) for path in data]
    groups: dict[TaskName, list[Dataset]] = {}
    for dataset in found:
        name: TaskName = "mvo" if dataset.manifest.preprocessing.per_slice else "scar"
        groups.setdefault(name, []).append(dataset)
    return {name: pool(datasets) for name, datasets in groups.items()}


def _json(sheet: "Sheet") -> dict[str, object]:
    return {
        "title": sheet.title,
        "source": sheet.source,
        "stamp": sheet.stamp,
        "rows": sheet.records,
        "notes": sheet.notes,
    }


def _print(sheet: "Sheet") -> None:
    from fedcmr.reproduce.write import markdown

    typer.echo(markdown(sheet))


def _print_audit(keys: list[str]) -> None:
    from collections import Counter

    from fedcmr.reproduce.arithmetic import FITS, checks
    from fedcmr.reproduce.published import published

    counts = Counter(check.fit for check in checks(published()) if check.table in keys)
    total = sum(counts.values())
    parts = ", ".join(f"{fit} {counts[fit]}" for fit in FITS if counts[fit])
    typer.echo(f"arithmetic of what was printed: {total} checks: {parts or 'none possible'}")
