from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fedcmr_client.keys import make_site_key
from fedcmr_server.enrolment import enrol

from fedcmr.errors import ConfigurationError, UsageError


@pytest.fixture
def sites(tmp_path: Path) -> Path:
    (tmp_path / "sites").mkdir()
    return tmp_path / "sites"


def test_enrolling_twice_changes_nothing(sites: Path, tmp_path: Path) -> None:
    key = make_site_key(tmp_path / "site_key")
    first = enrol(sites, "st-mary", key).read_bytes()
    assert enrol(sites, "st-mary", key).read_bytes() == first
    assert [path.name for path in sites.iterdir()] == ["st-mary.pub"]


def test_a_name_and_a_key_belong_together(sites: Path, tmp_path: Path) -> None:
    one, two = make_site_key(tmp_path / "one"), make_site_key(tmp_path / "two")
    enrol(sites, "st-mary", one)
    with pytest.raises(ConfigurationError, match="enrolled with another key"):
        enrol(sites, "st-mary", two)
    with pytest.raises(ConfigurationError, match="enrolled as st-mary"):
        enrol(sites, "st-john", one)
    assert [path.name for path in sites.iterdir()] == ["st-mary.pub"]


@pytest.mark.parametrize("name", ["", "St-Mary", "../x", "a b", "-a", "a" * 33, "a/b"])
def test_names_that_could_be_paths_are_refused(sites: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="site name"):
        enrol(sites, name, make_site_key(tmp_path / "site_key"))
    assert not list(sites.iterdir())


@pytest.mark.parametrize(
    "public",
    [
        ed25519.Ed25519PrivateKey.generate().public_key(),
        ec.generate_private_key(ec.SECP256R1()).public_key(),
    ],
)
def test_only_p384_keys_are_enrolled(
    sites: Path, tmp_path: Path, public: ec.EllipticCurvePublicKey
) -> None:
    path = tmp_path / "key.pub"
    path.write_bytes(public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH))
    with pytest.raises(ConfigurationError, match="not a site's public key"):
        enrol(sites, "st-mary", path)


def test_a_private_key_or_a_missing_file_is_refused(sites: Path, tmp_path: Path) -> None:
    make_site_key(tmp_path / "site_key")
    for path in (tmp_path / "site_key", tmp_path / "nothing.pub"):
        with pytest.raises(ConfigurationError, match=r"ask the site for its site_key\.pub"):
            enrol(sites, "st-mary", path)
