"""Short form of `fedcmr drill soak`."""

from pathlib import Path

import pytest

from fedcmr.drill.soak import soak

# Many processes share two cores.
pytestmark = pytest.mark.timeout(900)


def test_nothing_grows_over_many_rounds(tmp_path: Path) -> None:
    found = soak(tmp_path, sites=2, rounds=24, tell=print)
    assert found.growing(largest_kb=400) == []
