"""Who may connect: one public key file per site, put there by the coordinator.

`sites/NAME.pub` is one line of OpenSSH: type, key and, where the enrolment ends by itself,
`expires=YYYY-MM-DD` as its comment. A revoked key lies in `sites/revoked/NAME.DIGEST.pub`: that a
key was revoked is remembered.
"""

import datetime as dt
import hashlib
import re
from dataclasses import dataclass
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
EXPIRES = "expires="
LONGEST_FILE = 4096


@dataclass(frozen=True)
class Enrolment:
    """A site's key as the coordinator accepted it."""

    key: bytes
    """OpenSSH, without a comment."""
    expires: dt.date | None
    """Last day, in UTC, on which the key is accepted."""

    def is_over(self, today: dt.date) -> bool:
        """Tell whether the last day has passed."""
        return self.expires is not None and today > self.expires

    def digest(self) -> str:
        """Return the sha256 of the key, in hex."""
        return hashlib.sha256(self.key).hexdigest()


def today() -> dt.date:
    """Return the day in UTC."""
    return dt.datetime.now(dt.UTC).date()


def read_enrolment(path: Path) -> Enrolment:
    """Read a public key of a site, with its last day where there is one.

    Raises:
        ConfigurationError: no P-384 public key, or a last day that is none.
    """
    try:
        with path.open("rb") as file:
            line = file.read(LONGEST_FILE)
        key = load_ssh_public_key(line)
        comment = line.decode().split(maxsplit=2)[2:]
    except (OSError, ValueError, UnsupportedAlgorithm):
        key, comment = None, []
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != "secp384r1":
        raise ConfigurationError(
            "not a site's public key", where=str(path), fix="ask the site for its site_key.pub"
        )
    expires = None
    if comment and comment[0].startswith(EXPIRES):
        try:
            expires = dt.date.fromisoformat(comment[0].removeprefix(EXPIRES).strip())
        except ValueError:
            raise ConfigurationError(
                "the last day of the enrolment cannot be read", where=str(path), fix="enrol again"
            ) from None
    return Enrolment(key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH), expires)


def enrol(
    sites: Path,
    name: str,
    key_file: Path,
    *,
    expires: dt.date | None = None,
    again: bool = False,
) -> Path:
    """Accept a site's public key under a name; the same once more changes its last day at most.

    Args:
        sites: folder of the enrolled keys.
        name: of the site.
        key_file: its public key; a last day in it counts for nothing.
        expires: last day, in UTC.
        again: also a name or a key that was revoked.

    Raises:
        UsageError: the name is not made of small letters, digits and hyphens, or the day is past.
        ConfigurationError: no P-384 public key, or name or key are taken or were revoked.
    """
    _check_name(name)
    enrolment = Enrolment(read_enrolment(key_file).key, expires)
    if enrolment.is_over(today()):
        raise UsageError(f"{expires} is past", fix="give a last day that is still to come")
    for path in sorted(sites.glob("*.pub")):
        same_key = read_enrolment(path).key == enrolment.key
        if path.stem == name and not same_key:
            raise ConfigurationError(
                f"site {name} is enrolled with another key",
                fix=f"withdraw it with `fedcmr-server revoke {name}` first",
            )
        if same_key and path.stem != name:
            raise ConfigurationError(f"this key is enrolled as {path.stem}")
    enrolled = sites / f"{name}.pub"
    for path in sorted((sites / "revoked").glob("*.pub")):
        revoked_name, digest = path.stem.split(".", 1)
        if enrolled.exists() or again:
            continue
        if name == revoked_name or digest == enrolment.digest():
            raise ConfigurationError(
                f"site {name} was revoked" if name == revoked_name else "this key was revoked",
                fix="give --again if it may connect nevertheless",
            )
    line = enrolment.key + (f" {EXPIRES}{expires}\n".encode() if expires else b"\n")
    aside = sites / f".{name}.writing"  # a running coordinator reads *.pub at any moment
    aside.write_bytes(line)
    aside.replace(enrolled)
    return enrolled


def revoke(sites: Path, name: str) -> Path:
    """Move a site's key aside, at once and whole; a running coordinator notices within a second.

    Raises:
        UsageError: no name of a site.
        ConfigurationError: no such site is enrolled.
    """
    _check_name(name)
    path = sites / f"{name}.pub"
    if not path.exists():
        known = ", ".join(sorted(path.stem for path in sites.glob("*.pub"))) or "nobody"
        raise ConfigurationError(f"site {name} is not enrolled", fix=f"enrolled: {known}")
    folder = sites / "revoked"
    folder.mkdir(exist_ok=True)
    return path.replace(folder / f"{name}.{_digest(path)}.pub")


def _digest(path: Path) -> str:
    try:
        return read_enrolment(path).digest()
    except ConfigurationError:  # whatever lies there, it goes
        return hashlib.sha256(path.read_bytes()).hexdigest()


def _check_name(name: str) -> None:
    if not NAME.fullmatch(name):
        raise UsageError(
            f"site name {name!r} is not accepted", fix="use small letters, digits and hyphens"
        )
