"""`fedcmr-server status`: what every run of a coordinator is doing."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.padding import Padding
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
    """Show phase, round and sites of every run: who is awaited, who was refused and why.

    Example: fedcmr-server status --state server
    """
    server = open_server(state)
    runs = {
        path.parent.name: read_status(path)
        for path in sorted((server.path / "runs").glob("*/status.json"))
    }
    running = is_running(server.lock)
    console = Console(highlight=False)
    if as_json:
        found = {name: status.model_dump() for name, status in runs.items()}
        typer.echo(json.dumps({"running": running, "runs": found}, indent=2))
        return
    console.print("the coordinator is", "running" if running else "not running")
    if not runs:
        console.print("no run yet: start one with `fedcmr-server run EXPERIMENT`")
        return
    for name, status in runs.items():
        facts = f"{status.phase}, round {status.round} of {status.rounds}, {status.updated}"
        console.print()
        console.print(Text(printable(f"{name}: {facts}")), soft_wrap=True)
        if status.message:
            console.print(Padding(Text(printable(status.message)), (0, 0, 0, 2)))
        table = Table.grid(padding=(0, 2))
        for site, doing in status.sites.items():
            table.add_row("", Text(site), Text(printable(doing)))
        console.print(table)
