"""What two people read to each other to know that they hold the same certificate."""

from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from fedcmr.errors import ConfigurationError


def fingerprint(certificate: Path) -> str:
    """Return the SHA-256 fingerprint of a PEM certificate, in pairs of hex digits.

    Raises:
        ConfigurationError: the file is missing or holds no certificate.
    """
    try:
        loaded = x509.load_pem_x509_certificate(certificate.read_bytes())
    except (OSError, ValueError):
        raise ConfigurationError(
            "not a certificate", where=str(certificate), fix="ask the coordinator for ca.pem"
        ) from None
    return loaded.fingerprint(hashes.SHA256()).hex(":").upper()
