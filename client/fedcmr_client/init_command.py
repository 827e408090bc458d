"""`fedcmr-client init`: a folder for a site, with its keys and settings."""

import shutil
from pathlib import Path
from typing import Annotated

import typer
import yaml

from fedcmr.cli.say import say
from fedcmr.errors import ConfigurationError
from fedcmr.federation.fingerprint import fingerprint
from fedcmr.settings import parse_settings
from fedcmr_client.keys import make_pseudonym_key, make_site_key
from fedcmr_client.settings import SiteSettings


def init_command(
    folder: Annotated[Path, typer.Argument(help="Folder to make, for example /var/lib/fedcmr.")],
    name: Annotated[str, typer.Option(help="Name of the site: small letters, digits, hyphens.")],
    server: Annotated[str, typer.Option(help="host:port of the coordinator.")],
    ca: Annotated[Path, typer.Option(help="ca.pem, as the coordinator sent it.")],
) -> None:
    """Make a site's folder: settings, identity key, pseudonym key.

    Example: fedcmr-client init site --name st-mary --server fl.example.org:8443 --ca ca.pem
    """
    data = {"name": name, "server": server}
    parse_settings(data, SiteSettings, where="the options of init")
    seen = fingerprint(ca)
    if (folder / "site.yaml").exists():
        raise ConfigurationError(
            "there is a site already", where=str(folder), fix="choose another folder"
        )
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(ca, folder / "ca.pem")
    public = make_site_key(folder / "site_key")
    make_pseudonym_key(folder / "pseudonym.key")
    (folder / "site.yaml").write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    say(f"site {name} is in {folder}")
    say("compare the fingerprint of ca.pem with the coordinator's, by phone:")
    say(f"  {seen}")
    say(f"next: send {public} to the coordinator, who runs")
    say(f"  fedcmr-server enrol --state STATE {name} {public.name}")
    say("keep site_key and pseudonym.key: they never leave this site")
