"""metrics.json as a table for a terminal."""

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from fedcmr.cli.say import printable, say


def print_results(metrics: dict[str, Any], title: str, release: Path) -> None:
    """Print pooled, stratified and per-site results of the content of metrics.json."""
    table = Table("cases", "n", "AUC", "95 % interval", "bound", title=Text(title))
    _add(table, "all sites", metrics["overall"])
    for row in metrics["strata"]:
        _add(table, ", ".join(row["level"]), row)
    console = Console(soft_wrap=True, highlight=False)
    console.print(table)
    console.print("bound: the exact AUC of the case scores is within this of the printed one")
    say(f"release: {release}")


def _add(table: Table, cases: str, row: dict[str, Any]) -> None:
    name = Text(printable(cases))
    auc = row["auc"]
    if isinstance(auc, str):
        table.add_row(name, str(row["n"]), auc, "", "")
        return
    interval = f"{auc['low']:.3f} to {auc['high']:.3f}"
    table.add_row(name, str(row["n"]), f"{auc['value']:.3f}", interval, f"{auc['bound']:.3f}")
