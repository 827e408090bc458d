"""Signatures over a whole release by the OpenSSF model-signing library, with a key, offline.

The private key never lies in a release; the public key reaches the reader by another way.
"""

import base64
import hashlib
import json
import os
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from model_signing import hashing, signing, verifying

from fedcmr.errors import CheckFailed, ConfigurationError
from fedcmr.release.layout import CONTENT, SIGNATURE, check_inventory


def generate_signing_key(private: Path, public: Path) -> None:
    """Write a new P-384 key pair as PEM; the private one is readable by its owner only.

    Raises:
        ConfigurationError: the private key exists already, or a file cannot be written.
    """
    key = ec.generate_private_key(ec.SECP384R1())
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    try:
        descriptor = os.open(private, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secret)
        public.write_bytes(
            key.public_key().public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
        )
    except OSError as error:
        raise ConfigurationError(
            f"cannot write the signing key: {error.strerror}", where=str(private)
        ) from None


def sign(release: Path, private_key: Path) -> None:
    """Sign every file of the folder and write the signature beside them.

    Raises:
        ConfigurationError: the private key cannot be used.
    """
    try:
        config = signing.Config().use_elliptic_key_signer(private_key=private_key)
    except (OSError, ValueError, TypeError, AttributeError):
        raise ConfigurationError(
            "cannot use the signing key",
            where=str(private_key),
            fix="give a P-256, P-384 or P-521 private key in PEM without a password",
        ) from None
    config.set_hashing_config(_hashing()).sign(release, release / SIGNATURE)


def verify(release: Path, public_key: Path) -> None:
    """Check that the folder holds exactly what the owner of the key signed.

    Raises:
        ConfigurationError: the public key cannot be used.
        CheckFailed: names the first file that is missing, added or changed.
    """
    check_inventory(release)
    try:
        config = verifying.Config().use_elliptic_key_verifier(public_key=public_key)
    except (OSError, ValueError, AttributeError):
        raise ConfigurationError(
            "cannot use the public key",
            where=str(public_key),
            fix="give the PEM file that the coordinator published",
        ) from None
    signature = release / SIGNATURE
    try:
        bundle = json.loads(signature.read_bytes())
        is_canonical = signature.read_bytes() == _canonical(bundle)
        signed = _signed_digests(bundle)
        config.set_hashing_config(_hashing()).verify(release, signature)
    except InvalidSignature:
        raise CheckFailed(
            f"{SIGNATURE} was changed or made with another key", where=str(release)
        ) from None
    # Whatever the library makes of a forged bundle, it is one line and not a traceback.
    except Exception as error:
        if "Key mismatch" in str(error):
            raise CheckFailed(
                f"{SIGNATURE} was made with another key than {public_key}", where=str(release)
            ) from None
        if "Signature mismatch" in str(error):
            raise CheckFailed(
                f"{_first_difference(release, signed)} differs from what was signed",
                where=str(release),
                fix="do not use this release; fetch it again",
            ) from None
        raise CheckFailed(f"{SIGNATURE} is damaged", where=str(release)) from None
    if not is_canonical or sorted(signed) != sorted(CONTENT):
        raise CheckFailed(f"{SIGNATURE} is not as it was written", where=str(release))


def _hashing() -> hashing.Config:
    return hashing.Config().set_ignored_paths(paths=[SIGNATURE], ignore_git_paths=False)


def _signed_digests(bundle: dict[str, Any]) -> dict[str, str]:
    """Return file name to sha256 in hex as stated in the bundle."""
    statement = json.loads(base64.b64decode(bundle["dsseEnvelope"]["payload"]))
    return {entry["name"]: entry["digest"] for entry in statement["predicate"]["resources"]}


def _first_difference(release: Path, signed: dict[str, str]) -> str:
    for name in CONTENT:
        with (release / name).open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != signed.get(name):
                return name
    return SIGNATURE


def _canonical(bundle: dict[str, Any]) -> bytes:
    """Return the bundle as the library writes it, with nothing that no signature covers.

    A JSON text has room for bytes that no check reads (spaces, key names, base64 padding); a
    changed byte must not pass there either.
    """
    envelope = bundle["dsseEnvelope"]

    def normal(text: str) -> str:
        return base64.b64encode(base64.b64decode(text)).decode()

    written = {
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {
            # Without a hint the library only prints a warning.
            "publicKey": {"hint": bundle["verificationMaterial"]["publicKey"]["hint"] or "none"},
            "tlogEntries": [],
        },
        "dsseEnvelope": {
            "payload": normal(envelope["payload"]),
            "payloadType": "application/vnd.in-toto+json",
            "signatures": [{"sig": normal(envelope["signatures"][0]["sig"]), "keyid": ""}],
        },
    }
    return json.dumps(written, separators=(",", ":")).encode()
