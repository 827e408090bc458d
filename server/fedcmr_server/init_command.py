"""`fedcmr-server init`: a folder for a coordinator, with its certificates and signing key."""

from pathlib import Path
from typing import Annotated

import typer
import yaml

from fedcmr.cli.say import say
from fedcmr.errors import ConfigurationError, UsageError
from fedcmr.federation.address import check_host
from fedcmr.federation.fingerprint import fingerprint
from fedcmr.settings import parse_settings
from fedcmr_server.pki import issue_server_certificate, make_authority
from fedcmr_server.settings import ServerSettings


def init_command(
    folder: Annotated[Path, typer.Argument(help="Folder to make: /var/lib/fedcmr-server.")],
    host: Annotated[
        list[str], typer.Option(help="Name or IP address that sites use; may be repeated.")
    ],
    listen: Annotated[str, typer.Option(help="host:port of the public listener.")] = (
        ServerSettings().listen
    ),
    renew: Annotated[
        bool, typer.Option("--renew", help="Make a new server certificate; CA and keys stay.")
    ] = False,
) -> None:
    """Make a coordinator's folder: CA, server certificate, release signing key, settings.

    Example: fedcmr-server init server --host fl.example.org
    """
    from fedcmr.release.signing import generate_signing_key

    data = {"listen": listen}
    parse_settings(data, ServerSettings, where="the options of init")
    for name in host:
        try:
            check_host(name)
        except ValueError as error:
            raise UsageError(f"--host: {error}") from None
    pki = folder / "pki"
    exists = (folder / "server.yaml").exists()
    if exists and not renew:
        raise ConfigurationError(
            "there is a coordinator already",
            where=str(folder),
            fix="choose another folder, or give --renew for a new server certificate",
        )
    if renew and not exists:
        raise ConfigurationError("no coordinator to renew", where=str(folder))
    if not renew:
        for part in (pki, folder / "signing", folder / "sites", folder / "runs"):
            part.mkdir(parents=True, exist_ok=True)
        make_authority(pki)
        signing = folder / "signing"
        generate_signing_key(signing / "release.key", signing / "release.pub")
        (folder / "server.yaml").write_text(yaml.safe_dump(data), encoding="utf-8")
    issue_server_certificate(pki, host)
    say(f"coordinator is in {folder}")
    say(f"next: send {pki / 'ca.pem'} to every site and compare this fingerprint by phone:")
    say(f"  {fingerprint(pki / 'ca.pem')}")
    say(f"and give {folder / 'signing' / 'release.pub'} to everyone who receives a release")
