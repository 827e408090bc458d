"""The coordinator's own certificate authority: one CA, one server certificate.

Sites trust the CA; they are identified by their P-384 keys, not by certificates, so adding a site
rotates nothing. Profile: RFC 5280.
"""

import datetime as dt
import ipaddress
import os
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from fedcmr.errors import ConfigurationError

CA_DAYS = 3650
SERVER_DAYS = 397
"""The longest life that browsers and many TLS stacks accept for a server certificate."""


def make_authority(folder: Path) -> None:
    """Write ca.pem and ca.key (mode 600) into an existing folder.

    Raises:
        ConfigurationError: there is an authority already; every site would have to trust anew.
    """
    if (folder / "ca.key").exists():
        raise ConfigurationError(
            "there is a certificate authority already",
            where=str(folder),
            fix="keep it, or move the whole folder away for a new federation",
        )
    key = ec.generate_private_key(ec.SECP384R1())
    name = _name("fedcmr coordinator CA")
    certificate = (
        _builder(name, name, key.public_key(), CA_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(key, hashes.SHA384())
    )
    _write(folder / "ca.pem", certificate.public_bytes(Encoding.PEM), 0o644)
    _write(folder / "ca.key", _private(key), 0o600)


def issue_server_certificate(folder: Path, hosts: Sequence[str]) -> None:
    """Write server.pem and server.key, signed by the folder's CA, for names or IP addresses."""
    ca = x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes())
    ca_key = load_pem_private_key((folder / "ca.key").read_bytes(), password=None)
    assert isinstance(ca_key, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP384R1())
    certificate = (
        _builder(_name(hosts[0][:64]), ca.subject, key.public_key(), SERVER_DAYS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.SubjectAlternativeName([_alternative(host) for host in hosts]), critical=False
        )
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False
        )
        .sign(ca_key, hashes.SHA384())
    )
    _write(folder / "server.pem", certificate.public_bytes(Encoding.PEM), 0o644)
    _write(folder / "server.key", _private(key), 0o600)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, days: int
) -> x509.CertificateBuilder:
    start = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=5)  # clocks of sites may lag a little
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + dt.timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _write(path: Path, content: bytes, mode: int) -> None:
    aside = path.with_name(f".{path.name}.writing")
    aside.unlink(missing_ok=True)
    with open(aside, "xb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
        file.write(content)
    aside.replace(path)
