"""`fedcmr-server enrol`: let a site connect."""

import datetime as dt
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
    expires: Annotated[
        dt.datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Last day, in UTC, on which the site may connect."),
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Also a name or a key that was revoked.")
    ] = False,
) -> None:
    """Enrol a site's public key. A running coordinator notices; no other site is touched.

    Given once more for the same key, it changes the last day.

    Example: fedcmr-server enrol --state server st-mary site_key.pub --expires 2027-01-31
    """
    last = expires.date() if expires else None
    enrol(open_server(state).sites, name, key, expires=last, again=again)
    until = f" until the end of {last} (UTC)" if last else ""
    withdraw = f"fedcmr-server revoke --state {state} {name}"
    say(f"site {name} may connect{until}; to withdraw it: {withdraw}")
