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

    Counts are of trainable parameters for 10 slices. The published ones have slices as channels;
    the true 4-D layout convolves over depth as well and counts slightly fewer.

    Example: fedcmr models
    """
    from fedcmr.config import ModelSettings, Preprocessing
    from fedcmr.models.registry import entries

    rows = entries(ModelSettings(), Preprocessing())
    deep = entries(ModelSettings(layout="true_4d"), Preprocessing())
    if as_json:
        both = zip(rows, deep, strict=True)
        content = [asdict(row) | {"parameters_true_4d": other.parameters} for row, other in both]
        typer.echo(json.dumps(content, indent=2))
        return
    table = Table("model", "published", "ours", "as printed", "true 4-D", "note")
    for row, other in zip(rows, deep, strict=True):
        agrees = "equal" if f"{row.parameters / 1e6:.2f}M" == row.published else "differs"
        counts = f"{row.parameters:,}", agrees, f"{other.parameters:,}"
        table.add_row(row.name, row.published, *counts, row.note)
    console = Console(highlight=False)
    console.print(table)
    console.print(f"published: {'; '.join(sorted({row.source for row in rows}))}")
