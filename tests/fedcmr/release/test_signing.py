import base64
import json
import os
import socket
import stat
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from fedcmr.errors import ConfigurationError, FedcmrError
from fedcmr.release.layout import CONTENT, SIGNATURE
from fedcmr.release.signing import generate_signing_key, sign, verify

Keys = tuple[Path, Path]


def test_a_release_verifies_without_a_network(
    release: Path, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("verify must not use the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    verify(release, keys[1])


def test_a_release_verifies_in_another_place(release: Path, keys: Keys) -> None:
    verify(release.rename(release.with_name("elsewhere")), keys[1])


@pytest.mark.parametrize("name", CONTENT)
@pytest.mark.parametrize("where", [0, 0.5, -1])
def test_a_changed_byte_names_the_file(release: Path, keys: Keys, name: str, where: float) -> None:
    content = bytearray((release / name).read_bytes())
    content[-1 if where == -1 else int(where * len(content))] ^= 1
    (release / name).write_bytes(content)
    with pytest.raises(FedcmrError, match=f"^{name} differs") as caught:
        verify(release, keys[1])
    assert caught.value.exit_code == 1


@pytest.mark.parametrize("name", CONTENT)
def test_a_byte_more_or_less_names_the_file(release: Path, keys: Keys, name: str) -> None:
    content = (release / name).read_bytes()
    for changed in (content + b"\n", content[:-1], b""):
        (release / name).write_bytes(changed)
        with pytest.raises(FedcmrError, match=f"^{name} differs"):
            verify(release, keys[1])


def test_the_first_of_two_changed_files_is_named(release: Path, keys: Keys) -> None:
    for name in (CONTENT[4], CONTENT[1]):
        (release / name).write_bytes(b"x")
    with pytest.raises(FedcmrError, match=f"^{CONTENT[1]} differs"):
        verify(release, keys[1])


def test_swapped_files_are_found(release: Path, keys: Keys) -> None:
    one, other = release / CONTENT[0], release / CONTENT[1]
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)
    with pytest.raises(FedcmrError, match="differs"):
        verify(release, keys[1])


def test_no_byte_of_the_signature_can_be_changed(release: Path, keys: Keys) -> None:
    path = release / SIGNATURE
    good = path.read_bytes()
    # Every byte outside the payload and a stride through it: each check costs a hash of it all.
    start = good.index(b'"payload":"') + 11
    end = good.index(b'"', start)
    for place in [*range(start), *range(start, end, 97), *range(end - 4, len(good))]:
        changed = bytearray(good)
        changed[place] ^= 1
        path.write_bytes(changed)
        with pytest.raises(FedcmrError, match=SIGNATURE):
            verify(release, keys[1])
    path.write_bytes(good)
    verify(release, keys[1])


def _bundle(change: str) -> Any:
    def apply(bundle: dict[str, Any]) -> None:
        envelope, material = bundle["dsseEnvelope"], bundle["verificationMaterial"]
        match change:
            case "key id":
                envelope["signatures"][0]["keyid"] = "x"
            case "second signature":
                envelope["signatures"].append(envelope["signatures"][0])
            case "log entry":
                material["tlogEntries"].append({})
            case "no hint":
                material["publicKey"]["hint"] = None
            case "empty hint":
                material["publicKey"]["hint"] = ""
            case "new key":
                bundle["note"] = 1
            case "no signature":
                envelope["signatures"] = []
            case "no envelope":
                del bundle["dsseEnvelope"]
            case "other statement":
                statement = json.loads(base64.b64decode(envelope["payload"]))
                statement["predicate"]["resources"].pop()
                text = json.dumps(statement).encode()
                envelope["payload"] = base64.b64encode(text).decode()

    return apply


@pytest.mark.parametrize(
    "change",
    [
        "key id", "second signature", "log entry", "no hint", "empty hint", "new key",
        "no signature", "no envelope", "other statement",
    ],
)  # fmt: skip
def test_a_rewritten_signature_is_refused(release: Path, keys: Keys, change: str) -> None:
    path = release / SIGNATURE
    bundle = json.loads(path.read_text())
    _bundle(change)(bundle)
    path.write_text(json.dumps(bundle, separators=(",", ":")))
    with pytest.raises(FedcmrError, match=SIGNATURE):
        verify(release, keys[1])


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff", b"[" * 100_000, b" "])
def test_what_is_no_signature_is_refused(release: Path, keys: Keys, content: bytes) -> None:
    (release / SIGNATURE).write_bytes(content)
    with pytest.raises(FedcmrError, match=SIGNATURE):
        verify(release, keys[1])


def test_another_key_does_not_verify(release: Path, tmp_path: Path) -> None:
    generate_signing_key(tmp_path / "k", tmp_path / "k.pub")
    with pytest.raises(FedcmrError, match="another key"):
        verify(release, tmp_path / "k.pub")


def test_another_signer_does_not_verify(release: Path, keys: Keys, tmp_path: Path) -> None:
    generate_signing_key(tmp_path / "k", tmp_path / "k.pub")
    (release / SIGNATURE).unlink()
    sign(release, tmp_path / "k")
    with pytest.raises(FedcmrError, match="another key"):
        verify(release, keys[1])


def test_a_signature_over_other_files_does_not_verify(
    release: Path, keys: Keys, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / CONTENT[0]).write_bytes((release / CONTENT[0]).read_bytes())
    sign(other, keys[0])
    (release / SIGNATURE).write_bytes((other / SIGNATURE).read_bytes())
    with pytest.raises(FedcmrError, match=CONTENT[1]):
        verify(release, keys[1])


def _pem(path: Path, kind: str) -> Path:
    if kind == "missing":
        return path
    if kind == "text":
        path.write_text("not a key")
        return path
    key: Any = (
        rsa.generate_private_key(65537, 2048)
        if kind == "rsa"
        else ec.generate_private_key(ec.SECP256K1() if kind == "curve" else ec.SECP384R1())
    )
    encryption = (
        serialization.BestAvailableEncryption(b"pw")
        if kind == "encrypted"
        else serialization.NoEncryption()
    )
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    )
    path.with_suffix(".pub").write_bytes(
        key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    return path


@pytest.mark.parametrize("kind", ["missing", "text", "rsa", "curve", "encrypted"])
def test_a_key_that_cannot_sign_is_refused(release: Path, tmp_path: Path, kind: str) -> None:
    with pytest.raises(ConfigurationError, match="signing key"):
        sign(release, _pem(tmp_path / "k.pem", kind))


@pytest.mark.parametrize("kind", ["missing", "text", "rsa", "curve"])
def test_a_key_that_cannot_verify_is_refused(release: Path, tmp_path: Path, kind: str) -> None:
    public = _pem(tmp_path / "k.pem", kind).with_suffix(
        ".pub" if kind in ("rsa", "curve") else ".pem"
    )
    with pytest.raises(ConfigurationError, match="public key"):
        verify(release, public)


def test_a_private_key_is_no_public_one(release: Path, keys: Keys) -> None:
    with pytest.raises(ConfigurationError, match="public key"):
        verify(release, keys[0])


def test_key_files(tmp_path: Path) -> None:
    private, public = tmp_path / "release.key", tmp_path / "release.pub"
    old = os.umask(0)
    try:
        generate_signing_key(private, public)
    finally:
        os.umask(old)
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert b"PRIVATE" not in public.read_bytes()
    content = private.read_bytes()
    with pytest.raises(ConfigurationError, match="cannot write"):
        generate_signing_key(private, public)
    assert private.read_bytes() == content
