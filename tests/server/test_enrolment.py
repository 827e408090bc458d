import datetime as dt
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fedcmr_client.keys import make_site_key
from fedcmr_server.enrolment import enrol, read_enrolment, revoke, today

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


def test_a_last_day_is_kept_and_changed(sites: Path, tmp_path: Path) -> None:
    key = make_site_key(tmp_path / "site_key")
    last = today() + dt.timedelta(days=30)
    path = enrol(sites, "st-mary", key, expires=last)
    assert read_enrolment(path).expires == last
    assert not read_enrolment(path).is_over(last)
    assert read_enrolment(path).is_over(last + dt.timedelta(days=1))
    assert read_enrolment(enrol(sites, "st-mary", key)).expires is None
    with pytest.raises(UsageError, match="is past"):
        enrol(sites, "st-mary", key, expires=today() - dt.timedelta(days=1))
    # What a site writes beside its key is not the coordinator's word.
    key.write_bytes(key.read_bytes() + b" expires=2999-01-01")
    assert read_enrolment(enrol(sites, "st-mary", key)).expires is None


@pytest.mark.parametrize("comment", [b"expires=soon", b"expires=2027-02-30", b"expires="])
def test_a_last_day_that_is_none_is_refused(sites: Path, tmp_path: Path, comment: bytes) -> None:
    path = enrol(sites, "st-mary", make_site_key(tmp_path / "site_key"))
    path.write_bytes(path.read_bytes().strip() + b" " + comment)
    with pytest.raises(ConfigurationError, match=r"last day .* cannot be read"):
        read_enrolment(path)


def test_a_revoked_name_or_key_comes_back_only_on_purpose(sites: Path, tmp_path: Path) -> None:
    key, other = make_site_key(tmp_path / "one"), make_site_key(tmp_path / "two")
    enrolled = enrol(sites, "st-mary", key)
    content = enrolled.read_bytes()
    kept = revoke(sites, "st-mary")
    assert not enrolled.exists()
    assert kept.read_bytes() == content
    with pytest.raises(ConfigurationError, match="site st-mary was revoked; give --again"):
        enrol(sites, "st-mary", other)
    with pytest.raises(ConfigurationError, match="this key was revoked; give --again"):
        enrol(sites, "st-john", key)
    assert enrol(sites, "st-mary", other, again=True).exists()
    assert enrol(sites, "st-mary", other).exists()  # is enrolled: nothing to ask
    assert enrol(sites, "st", make_site_key(tmp_path / "three")).exists()
    assert kept.exists()


def test_only_who_is_enrolled_can_be_revoked(sites: Path, tmp_path: Path) -> None:
    enrol(sites, "st-mary", make_site_key(tmp_path / "site_key"))
    with pytest.raises(ConfigurationError, match="st-john is not enrolled; enrolled: st-mary"):
        revoke(sites, "st-john")
    with pytest.raises(UsageError, match="site name"):
        revoke(sites, "../st-mary")
    (sites / "st-mary.pub").write_bytes(b"damaged")
    assert revoke(sites, "st-mary").exists()


def test_a_file_without_end_is_not_read_to_its_end(sites: Path) -> None:
    with pytest.raises(ConfigurationError, match="not a site's public key"):
        enrol(sites, "st-mary", Path("/dev/zero"))
