import os
from pathlib import Path

import pytest
from fedcmr_server.spare import SpareFiles


@pytest.fixture(autouse=True)
def any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fedcmr_server.spare.SMALLEST", 0)


def write(spare: SpareFiles, path: Path, content: bytes) -> int:
    """Return the number of the file that was written."""
    with spare.written(path) as file:
        file.write(content)
    assert path.read_bytes() == content
    return path.stat().st_ino


def test_a_file_is_written_over_and_holds_what_was_written_last_only(tmp_path: Path) -> None:
    spare, path = SpareFiles(tmp_path, "part"), tmp_path / "a"
    first = write(spare, path, b"a secret that is longer")
    assert path.stat().st_mode & 0o077 == 0
    spare.keep(path)
    assert not path.exists()
    assert write(spare, tmp_path / "b", b"short") == first
    assert write(spare, tmp_path / "c", b"") != first


def test_a_file_with_another_name_keeps_its_content(tmp_path: Path) -> None:
    spare, path, other = SpareFiles(tmp_path, "part"), tmp_path / "a", tmp_path / "other"
    write(spare, path, b"an update")
    os.link(path, other)
    spare.keep(path)
    write(spare, tmp_path / "b", b"something else")
    assert other.read_bytes() == b"an update"


def test_a_small_file_is_not_worth_keeping(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fedcmr_server.spare.SMALLEST", 3)
    spare = SpareFiles(tmp_path, "part")
    for content in (b"xy", b"xyz"):
        write(spare, tmp_path / content.decode(), content)
        spare.keep(tmp_path / content.decode())
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"xyz"]


def test_a_spare_file_that_has_gone_is_not_missed(tmp_path: Path) -> None:
    spare = SpareFiles(tmp_path, "part")
    write(spare, tmp_path / "a", b"x")
    spare.keep(tmp_path / "a")
    (tmp_path / "spare-part-0").unlink()
    write(spare, tmp_path / "b", b"y")


def test_what_is_not_there_cannot_be_spared(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        SpareFiles(tmp_path, "part").keep(tmp_path / "a")


def test_two_kinds_in_one_folder_share_nothing(tmp_path: Path) -> None:
    one, other = SpareFiles(tmp_path, "one"), SpareFiles(tmp_path, "other")
    first = write(one, tmp_path / "a", b"x")
    second = write(other, tmp_path / "b", b"y")
    one.keep(tmp_path / "a")
    other.keep(tmp_path / "b")
    assert write(other, tmp_path / "c", b"y") == second
    assert write(other, tmp_path / "d", b"y") != first
    assert write(one, tmp_path / "e", b"z") == first
