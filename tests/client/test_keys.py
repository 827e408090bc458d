import re
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from fedcmr_client.keys import load_site_key, make_pseudonym_key, make_site_key, write_secret

from fedcmr.errors import ConfigurationError


def test_site_key_is_p384_and_private(tmp_path: Path) -> None:
    public = make_site_key(tmp_path / "site_key")
    key = load_site_key(tmp_path / "site_key")
    assert isinstance(key.curve, ec.SECP384R1)
    assert (tmp_path / "site_key").stat().st_mode & 0o777 == 0o600
    assert public.read_text().startswith("ecdsa-sha2-nistp384 ")


def test_pseudonym_key_has_256_random_bits(tmp_path: Path) -> None:
    keys = set()
    for name in "ab":
        make_pseudonym_key(tmp_path / name)
        keys.add((tmp_path / name).read_text())
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
    assert len(keys) == 2
    assert all(re.fullmatch("[0-9a-f]{64}\n", key) for key in keys)


def test_a_secret_is_never_overwritten(tmp_path: Path) -> None:
    write_secret(tmp_path / "key", b"one")
    with pytest.raises(FileExistsError):
        write_secret(tmp_path / "key", b"two")
    assert (tmp_path / "key").read_bytes() == b"one"


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    make_site_key(tmp_path / "site_key")
    (tmp_path / "site_key").chmod(0o640)
    with pytest.raises(ConfigurationError, match=r"others can read site_key.*chmod 600"):
        load_site_key(tmp_path / "site_key")


@pytest.mark.parametrize(
    "key", [ed25519.Ed25519PrivateKey.generate(), ec.generate_private_key(ec.SECP256R1())]
)
def test_other_keys_are_refused(tmp_path: Path, key: ed25519.Ed25519PrivateKey) -> None:
    content = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    write_secret(tmp_path / "site_key", content)
    with pytest.raises(ConfigurationError, match="not a P-384 key"):
        load_site_key(tmp_path / "site_key")


def test_no_key_is_one_line(tmp_path: Path) -> None:
    write_secret(tmp_path / "broken", b"nonsense")
    for name in ("broken", "missing"):
        with pytest.raises(ConfigurationError, match="cannot read the site key"):
            load_site_key(tmp_path / name)
