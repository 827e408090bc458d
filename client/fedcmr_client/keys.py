"""The two keys of a site: who it is (P-384, OpenSSH) and how it names patients (HMAC)."""

import os
import secrets
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_ssh_private_key,
)

from fedcmr.errors import ConfigurationError

PSEUDONYM_KEY_BYTES = 32


def make_site_key(path: Path) -> Path:
    """Write a new private key (mode 600) and `<path>.pub` beside it; return the latter."""
    key = ec.generate_private_key(ec.SECP384R1())
    write_secret(path, key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    public = path.with_suffix(".pub")
    public.write_bytes(key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH))
    return public


def load_site_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """Read the site's private key.

    Raises:
        ConfigurationError: the file is missing, readable by others, or no P-384 key.
    """
    try:
        check_private(path)
        key = load_ssh_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError):
        raise ConfigurationError(
            "cannot read the site key", where=str(path), fix="make one with `fedcmr-client init`"
        ) from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp384r1":
        raise ConfigurationError("the site key is not a P-384 key", where=str(path))
    return key


def make_pseudonym_key(path: Path) -> None:
    """Write a new key of pseudonyms as hex, mode 600."""
    write_secret(path, secrets.token_hex(PSEUDONYM_KEY_BYTES).encode() + b"\n")


def write_secret(path: Path, content: bytes) -> None:
    """Write a new file that only its owner can read.

    Raises:
        FileExistsError: there is one already; a secret is never overwritten.
    """
    with open(path, "xb", opener=_owner_only) as file:
        file.write(content)


def _owner_only(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def check_private(path: Path) -> None:
    """Refuse a key that others of this machine can read.

    Raises:
        ConfigurationError: they can.
    """
    if path.exists() and path.stat().st_mode & 0o077:
        raise ConfigurationError(
            f"others can read {path.name}", where=str(path), fix=f"chmod 600 {path}"
        )
