import numpy as np
import pytest

from fedcmr.ingest.heart import Heart
from fedcmr.ingest.quality import FLAGS, beats, heart_flags

TIMES = np.arange(20) * 40.0


@pytest.mark.parametrize(
    ("times", "rr", "used", "flags"),
    [
        (TIMES, 800.0, 800.0, set()),
        (TIMES, np.nan, 800.0, {"rr_estimated"}),
        (TIMES, 700.0, 800.0, {"rr_inconsistent"}),
        (TIMES, 1000.0, 1000.0, {"partial_cycle"}),
        (TIMES + 15, 800.0, 800.0, set()),
    ],
)
def test_interval_of_a_slice(times: np.ndarray, rr: float, used: float, flags: set[str]) -> None:
    interval, found = beats(times[None], np.array([rr]))
    assert interval == pytest.approx([used])
    assert found == flags


def test_intervals_that_differ_between_slices() -> None:
    stretched = np.stack([TIMES, TIMES * 1.3])
    interval, found = beats(stretched, np.array([800.0, 1040.0]))
    assert interval == pytest.approx([800, 1040])
    assert found == {"rr_varies"}


def test_weak_motion() -> None:
    assert heart_flags(Heart(0, 0, np.ones(3), 1.2)) == {"weak_motion"}
    assert heart_flags(Heart(0, 0, np.ones(3), 3.0)) == set()


def test_every_flag_has_a_meaning() -> None:
    found = beats(np.stack([TIMES, TIMES * 2]), np.array([np.nan, 5000.0]))[1]
    assert found <= FLAGS.keys()
    assert len(found) == 3
