import datetime as dt
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError
from fedcmr_server.pki import issue_server_certificate, make_authority

from fedcmr.federation.fingerprint import fingerprint


@pytest.fixture
def pki(tmp_path: Path) -> Path:
    make_authority(tmp_path)
    issue_server_certificate(tmp_path, ["fl.example.org", "127.0.0.1"])
    return tmp_path


def verify(pki: Path, host: str) -> None:
    store = Store([x509.load_pem_x509_certificate((pki / "ca.pem").read_bytes())])
    leaf = x509.load_pem_x509_certificate((pki / "server.pem").read_bytes())
    builder = PolicyBuilder().store(store).time(dt.datetime.now(dt.UTC))
    builder.build_server_verifier(x509.DNSName(host)).verify(leaf, [])


def test_chain_passes_an_independent_web_pki_verifier(pki: Path) -> None:
    verify(pki, "fl.example.org")
    with pytest.raises(VerificationError):
        verify(pki, "other.example.org")


def test_keys_fit_their_certificates_and_are_private(pki: Path) -> None:
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(pki / "server.pem", pki / "server.key")
    for name in ("ca.key", "server.key"):
        assert (pki / name).stat().st_mode & 0o777 == 0o600


def test_renewal_keeps_the_ca(pki: Path) -> None:
    before, old = fingerprint(pki / "ca.pem"), (pki / "server.pem").read_bytes()
    issue_server_certificate(pki, ["fl.example.org"])
    assert fingerprint(pki / "ca.pem") == before
    assert (pki / "server.pem").read_bytes() != old
    verify(pki, "fl.example.org")
