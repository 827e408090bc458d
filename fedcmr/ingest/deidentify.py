"""Pseudonyms: HMAC-SHA256 of the hospital's identifiers under a key that stays at the site.

Without the key a pseudonym cannot be traced back even by trying all identifiers (NIST SP 800-188;
RFC 2104). No other text of a header is written: scanner, sex and age go through closed lists.
"""

import hashlib
import hmac
import re
from pathlib import Path
from typing import Literal, TypeAlias

from fedcmr.errors import ConfigurationError

Kind: TypeAlias = Literal["patient", "study", "path", "source", "key"]

KEY_BYTES = 32
PSEUDONYM_DIGITS = 32
"""128 bits in hex: two of a billion patients share one with a probability below 1e-20."""


def pseudonym(key: bytes, kind: Kind, identifier: str) -> str:
    """Return the pseudonym of an identifier; each kind has pseudonyms of its own."""
    message = f"{kind}\0{identifier}".encode("utf-8", "surrogateescape")
    return hmac.new(key, message, hashlib.sha256).hexdigest()[:PSEUDONYM_DIGITS]


def study_pseudonym(key: bytes, patient_id: str, study_uid: str) -> str:
    """Return the pseudonym of a study; a UID that two patients share stands for two studies."""
    return pseudonym(key, "study", f"{patient_id}\0{study_uid}")


def read_key(path: Path) -> bytes:
    """Read a key file: 32 bytes in hex.

    Raises:
        ConfigurationError: no such file, or it holds something else.
    """
    try:
        text = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        text = ""
    if not re.fullmatch(rf"[0-9a-fA-F]{{{2 * KEY_BYTES}}}", text):
        raise ConfigurationError(
            "no pseudonym key: a file with 64 hex digits is needed",
            where=str(path),
            fix="make a site with `fedcmr-client init`",
        )
    return bytes.fromhex(text)
