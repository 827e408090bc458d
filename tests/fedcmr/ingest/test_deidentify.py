import hashlib
import hmac
from pathlib import Path

import pytest

from fedcmr.errors import ConfigurationError
from fedcmr.ingest.deidentify import pseudonym, read_key, study_pseudonym

KEY = bytes(range(32))


def test_is_an_hmac_of_kind_and_identifier() -> None:
    expected = hmac.new(KEY, b"patient\0P-1", hashlib.sha256).hexdigest()[:32]
    assert pseudonym(KEY, "patient", "P-1") == expected


def test_differs_by_key_kind_and_identifier() -> None:
    names = {
        pseudonym(KEY, "patient", "P-1"),
        pseudonym(KEY, "study", "P-1"),
        pseudonym(KEY, "patient", "P-2"),
        pseudonym(bytes(32), "patient", "P-1"),
    }
    assert len(names) == 4


def test_a_study_uid_of_two_patients_is_two_studies() -> None:
    assert study_pseudonym(KEY, "P-1", "1.2") != study_pseudonym(KEY, "P-2", "1.2")


def test_undecodable_file_names_have_a_pseudonym() -> None:
    assert len(pseudonym(KEY, "path", b"m\xfcller".decode("utf-8", "surrogateescape"))) == 32


def test_key_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(KEY.hex().upper() + "\n")
    assert read_key(file) == KEY


@pytest.mark.parametrize("content", ["", "00" * 31, "zz" * 32, "00" * 33])
def test_other_key_files_are_refused_without_being_quoted(tmp_path: Path, content: str) -> None:
    file = tmp_path / "key"
    file.write_text(content)
    with pytest.raises(ConfigurationError, match="64 hex digits") as caught:
        read_key(file)
    assert not content or content not in str(caught.value)


def test_a_missing_key_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="fedcmr-client init"):
        read_key(tmp_path / "none")
