import errno
import os
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
from fedcmr_server.replies import Block, Unusable
from fedcmr_server.spare import SpareFiles
from fedcmr_server.spool import Spool
from fedcmr_server.state import Contribution

WEIGHTS = np.arange(5, dtype=np.float32)
UPDATE = WEIGHTS + 1
NUMBERS = Contribution(examples=3, steps=1, loss=0.5, seconds=0.1)


def spool_in(folder: Path, weights: np.ndarray = WEIGHTS) -> Spool:
    return Spool(folder, weights, SpareFiles(folder, "part"))


def blocks_of(values: np.ndarray, folder: Path) -> Iterator[Block]:
    """Yield three values of a file that is then deleted, as parts are, and the others without."""
    content = b"head" + values[:3].tobytes()
    part = folder / sha256(content).hexdigest()
    part.write_bytes(content)
    yield Block(values[:3], part, len(b"head"))
    part.unlink()
    for value in (values[3:4], values[4:]):
        yield Block(value)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A round in which site `a` has answered."""
    monkeypatch.setattr("fedcmr_server.spool.SMALLEST_LINK", 12)
    monkeypatch.setattr("fedcmr_server.spare.SMALLEST", 0)
    spool_in(tmp_path).add("a", NUMBERS, blocks_of(UPDATE, tmp_path))
    return tmp_path


def test_what_came_in_before_a_restart_counts(folder: Path) -> None:
    spool = spool_in(folder)
    assert spool.contributed == {"a": NUMBERS}
    [update] = spool.updates()
    assert np.array_equal(update.columns(slice(0, 5)), UPDATE)


def flip_a_bit(folder: Path) -> None:
    content = bytearray((folder / "a.parts" / "00000").read_bytes())
    content[7] ^= 1
    (folder / "a.parts" / "00000").write_bytes(content)


def note_of_another(folder: Path) -> None:
    spool_in(folder).add("b", NUMBERS, blocks_of(WEIGHTS, folder))
    (folder / "b.json").rename(folder / "a.json")


@pytest.mark.parametrize(
    ("damage", "weights", "reason"),
    [
        (flip_a_bit, WEIGHTS, "a stored update is damaged"),
        (note_of_another, WEIGHTS, "a stored update is damaged"),
        (lambda folder: None, WEIGHTS + 1, "a stored update started from other weights"),
        (
            lambda folder: (folder / "a.parts" / "00001").unlink(),
            WEIGHTS,
            "a stored update cannot be read",
        ),
        (lambda folder: (folder / "a.json").write_text("{}"), WEIGHTS, "cannot be read"),
    ],
)
def test_what_does_not_match_is_refused_by_name(
    folder: Path,
    caplog: pytest.LogCaptureFixture,
    damage: Callable[[Path], None],
    weights: np.ndarray,
    reason: str,
) -> None:
    damage(folder)
    assert spool_in(folder, weights).contributed == {}
    [line] = [record.getMessage() for record in caplog.records]
    assert reason in line
    assert line.endswith("; a is asked again")
    assert spool_in(folder).contributed == {}


def test_an_update_that_breaks_off_is_not_kept(folder: Path) -> None:
    spool = spool_in(folder)

    def gone() -> Iterator[Block]:
        yield Block(UPDATE[:3], folder / ("0" * 64))

    with pytest.raises(Unusable, match="a part of the update is gone"):
        spool.add("b", NUMBERS, gone())
    assert not (folder / "b.parts").exists()
    assert [*spool_in(folder).contributed] == ["a"]


def test_where_files_cannot_be_linked_they_are_copied(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*paths: Path) -> NoReturn:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    monkeypatch.setattr("fedcmr_server.spool.os.link", refused)
    spool = spool_in(folder)
    spool.add("b", NUMBERS, blocks_of(UPDATE, folder))
    assert np.array_equal(spool.updates()[1].columns(slice(0, 5)), UPDATE)


def test_the_files_of_a_dropped_update_are_spare(folder: Path) -> None:
    spool = spool_in(folder)
    spool.drop("a")
    assert spool.updates() == []
    assert {path.name for path in folder.iterdir()} == {"spare-part-0", "spare-part-1"}


def test_small_parts_become_one_file(folder: Path) -> None:
    part = folder / "part"
    part.write_bytes(b"")
    spool = spool_in(folder)
    spool.add("b", NUMBERS, (Block(UPDATE[i : i + 1], part) for i in range(5)))
    assert len([*(folder / "b.parts").iterdir()]) == 1
    assert np.array_equal(spool.updates()[1].columns(slice(0, 5)), UPDATE)
    assert [*spool_in(folder).contributed] == ["a", "b"]
