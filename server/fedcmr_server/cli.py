"""The `fedcmr-server` command."""

from typing import NoReturn

import typer

from fedcmr.cli.run import run
from fedcmr_server.enrol_command import enrol_command
from fedcmr_server.init_command import init_command
from fedcmr_server.revoke_command import revoke_command
from fedcmr_server.run_command import run_command
from fedcmr_server.status_command import status_command

app = typer.Typer(
    help="The coordinator of a federation: it sees weights, counts and histograms, never a case.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("init")(init_command)
app.command("enrol")(enrol_command)
app.command("revoke")(revoke_command)
app.command("run")(run_command)
app.command("status")(status_command)


def main() -> NoReturn:
    """Run the command line."""
    run(app)
