"""`fedcmr-server enrol`: let a site connect."""

from pathlib import Path
from typing import Annotated

import typer

from fedcmr.cli.say import say
from fedcmr_server.enrolment import enrol
from fedcmr_server.settings import open_server


def enrol_command(
    name: Annotated[str, typer.Argument(help="Name of the site, as in its site.yaml.")],
    key: Annotated[Path, typer.Argument(help="The site's site_key.pub.")],
    state: Annotated[
        Path, typer.Option(envvar="FEDCMR_STATE", help="The coordinator's folder.")
    ] = Path(),
) -> None:
    """Enrol a site's public key. A running coordinator notices; no other site is touched.

    Example: fedcmr-server enrol --state server st-mary site_key.pub
    """
    enrolled = enrol(open_server(state).sites, name, key)
    say(f"site {name} may connect; delete {enrolled} and restart to withdraw it")
