"""`fedcmr-server revoke`: shut a site out, also in the middle of a round."""

from pathlib import Path
from typing import Annotated

import typer

from fedcmr.cli.say import say
from fedcmr_server.enrolment import revoke
from fedcmr_server.settings import open_server


def revoke_command(
    name: Annotated[str, typer.Argument(help="Name of the site.")],
    state: Annotated[
        Path, typer.Option(envvar="FEDCMR_STATE", help="The coordinator's folder.")
    ] = Path(),
) -> None:
    """Withdraw a site's key. A running coordinator refuses the site from the next second on.

    What the site is uploading does not count; what it gave to earlier rounds stays in the weights.

    Example: fedcmr-server revoke --state server st-mary
    """
    kept = revoke(open_server(state).sites, name)
    say(f"site {name} is refused from now on; its key lies in {kept}")
