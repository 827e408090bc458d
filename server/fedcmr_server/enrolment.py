"""Who may connect: one public key file per site, put there by the coordinator."""

import re
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_ssh_public_key,
)

from fedcmr.errors import ConfigurationError, UsageError

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")


def enrol(sites: Path, name: str, key_file: Path) -> Path:
    """Accept a site's public key under a name; the same key under the same name changes nothing.

    Raises:
        UsageError: the name is not made of small letters, digits and hyphens.
        ConfigurationError: no P-384 public key, or name or key are taken.
    """
    if not NAME.fullmatch(name):
        raise UsageError(
            f"site name {name!r} is not accepted", fix="use small letters, digits and hyphens"
        )
    key = _public_key(key_file)
    for path in sorted(sites.glob("*.pub")):
        same_key = path.read_bytes() == key
        if path.stem == name and not same_key:
            raise ConfigurationError(
                f"site {name} is enrolled with another key", fix=f"delete {path} to replace it"
            )
        if same_key and path.stem != name:
            raise ConfigurationError(f"this key is enrolled as {path.stem}")
    enrolled = sites / f"{name}.pub"
    aside = sites / f".{name}.writing"  # a running coordinator reads *.pub at any moment
    aside.write_bytes(key)
    aside.replace(enrolled)
    return enrolled


def _public_key(path: Path) -> bytes:
    try:
        key = load_ssh_public_key(path.read_bytes())
    except (OSError, ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != "secp384r1":
        raise ConfigurationError(
            "not a site's public key", where=str(path), fix="ask the site for its site_key.pub"
        )
    return key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
