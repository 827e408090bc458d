"""`fedcmr verify`: is a release what its coordinator signed?"""

import json
from pathlib import Path
from typing import Annotated

import typer

from fedcmr.errors import CheckFailed


def verify_command(
    release: Annotated[Path, typer.Argument(help="Folder of the release.", show_default=False)],
    key: Annotated[
        Path,
        typer.Option(
            envvar="FEDCMR_PUBLIC_KEY",
            help="Public key of the coordinator, obtained from it and not with the release.",
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Check every byte of a release against its signature; needs no network.

    Ends with 0 if all is as signed, otherwise with 1 and the first file that differs.

    Example: fedcmr verify release --key release.pub
    """
    # The signing library takes half a second to load; other commands do without it.
    from fedcmr.release.signing import verify

    try:
        verify(release, key)
    except CheckFailed as error:
        if as_json:
            typer.echo(json.dumps({"release": str(release), "ok": False, "error": str(error)}))
        raise
    ok = f"OK: {release} is what the owner of {key} signed"
    typer.echo(json.dumps({"release": str(release), "ok": True}) if as_json else ok)
