"""`fedcmr models`: the registered networks and their sizes."""

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table


def models_command(
    as_json: Annotated[bool, typer.Option("--json", help="Print a list of objects.")] = False,
) -> None:
    """List the networks with published parameter counts beside our own.

    Counts are of the input of the publication: 10 slices of 20 frames at 128 pixels for scar, one
    slice of 30 frames at 64 pixels for MVO. "released" is without what only training needs.

    Example: fedcmr models
    """
    from fedcmr.models.registry import entries

    rows = entries()
    if as_json:
        typer.echo(json.dumps([asdict(row) for row in rows], indent=2))
        return
    table = Table("model", "published", "ours", "released", "as printed")
    notes: dict[str, list[str]] = {}
    for row in rows:
        switches = ", ".join(f"{key}: {json.dumps(value)}" for key, value in row.switches.items())
        label = f"{row.name}\n  {switches}" if switches else row.name
        agrees = "-" if row.published == "-" else "equal" if row.equal else "differs"
        counts = f"{row.parameters:,}", f"{row.inference_parameters:,}"
        table.add_row(label, row.published, *counts, agrees)
        if row.why:
            notes.setdefault(row.why, []).append(label.replace("\n  ", " "))
    console = Console(highlight=False)
    console.print(table)
    for why, labels in notes.items():
        console.print(f"{'; '.join(labels)}: {why}")
    for source in sorted({row.source for row in rows}):
        console.print(f"published in {source}")
