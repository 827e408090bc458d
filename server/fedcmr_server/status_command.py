"""`fedcmr-server status`: what every run of a coordinator is doing."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from fedcmr.cli.lock import is_running
from fedcmr.cli.say import printable
from fedcmr_server.settings import open_server
from fedcmr_server.status import read_status


def status_command(
    state: Annotated[
        Path, typer.Option(envvar="FEDCMR_STATE", help="The coordinator's folder.")
    ] = Path(),
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Show phase, round and sites of every run.

    Example: fedcmr-server status --state server
    """
    server = open_server(state)
    runs = {
        path.parent.name: read_status(path)
        for path in sorted((server.path / "runs").glob("*/status.json"))
    }
    running = is_running(server.lock)
    console = Console(soft_wrap=True, highlight=False)
    if as_json:
        found = {name: status.model_dump() for name, status in runs.items()}
        console.print_json(json.dumps({"running": running, "runs": found}))
        return
    console.print("the coordinator is", "running" if running else "not running")
    if not runs:
        console.print("no run yet: start one with `fedcmr-server run EXPERIMENT`")
        return
    table = Table("run", "phase", "round", "sites", "updated", "message")
    for column in (0, 2, 4):
        table.columns[column].no_wrap = True
    for name, status in runs.items():
        sites = ", ".join(f"{site}: {doing}" for site, doing in status.sites.items())
        counted = f"{status.round}/{status.rounds}"
        cells = (name, status.phase, counted, sites, status.updated, status.message)
        table.add_row(*(Text(printable(cell)) for cell in cells))
    console.print(table)
