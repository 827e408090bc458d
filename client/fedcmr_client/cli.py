"""The `fedcmr-client` command."""

import os
from typing import NoReturn

import typer

from fedcmr.cli.run import run
from fedcmr_client.approve_command import approve_command, withdraw_command
from fedcmr_client.doctor_command import doctor_command
from fedcmr_client.ingest_command import ingest_command
from fedcmr_client.init_command import init_command
from fedcmr_client.ledger_command import ledger_app
from fedcmr_client.preview_command import preview_command
from fedcmr_client.start_command import start_command

app = typer.Typer(
    help="A hospital site of a federation: its DICOM stays here, weights and counts leave.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("init")(init_command)
app.command("ingest")(ingest_command)
app.command("preview")(preview_command)
app.command("doctor")(doctor_command)
app.command("start")(start_command)
app.command("approve")(approve_command)
app.command("withdraw")(withdraw_command)
app.add_typer(ledger_app, name="ledger")


def main() -> NoReturn:
    """Run the command line; what it writes is for its own user's eyes."""
    os.umask(0o077)
    run(app)
