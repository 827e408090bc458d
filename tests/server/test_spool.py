from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from fedcmr_server.spool import Spool
from fedcmr_server.state import Contribution

WEIGHTS = np.arange(5, dtype=np.float32)
UPDATE = WEIGHTS + 1
NUMBERS = Contribution(examples=3, steps=1, loss=0.5, seconds=0.1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A round in which site `a` has answered."""
    Spool(tmp_path, WEIGHTS).add("a", NUMBERS, iter([UPDATE.tobytes()]))
    return tmp_path


def test_what_came_in_before_a_restart_counts(folder: Path) -> None:
    spool = Spool(folder, WEIGHTS)
    assert spool.contributed == {"a": NUMBERS}
    [update] = spool.updates()
    assert np.array_equal(np.fromfile(update.path, "<f4"), UPDATE)


def flip_a_bit(folder: Path) -> None:
    content = bytearray((folder / "a.f32").read_bytes())
    content[7] ^= 1
    (folder / "a.f32").write_bytes(content)


def note_of_another(folder: Path) -> None:
    Spool(folder, WEIGHTS).add("b", NUMBERS, iter([WEIGHTS.tobytes()]))
    (folder / "b.json").rename(folder / "a.json")


@pytest.mark.parametrize(
    ("damage", "weights", "reason"),
    [
        (flip_a_bit, WEIGHTS, "a stored update is damaged"),
        (note_of_another, WEIGHTS, "a stored update is damaged"),
        (lambda folder: None, WEIGHTS + 1, "a stored update started from other weights"),
        (lambda folder: (folder / "a.f32").unlink(), WEIGHTS, "a stored update cannot be read"),
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
    assert Spool(folder, weights).contributed == {}
    [line] = [record.getMessage() for record in caplog.records]
    assert reason in line
    assert line.endswith("; a is asked again")
    assert Spool(folder, WEIGHTS).contributed == {}
