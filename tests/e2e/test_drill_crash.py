"""Short form of `fedcmr drill crash` and `fedcmr drill disk`."""

from pathlib import Path

import pytest

from fedcmr.drill.crash import CrashDrill
from fedcmr.drill.disk import fill_disks

# Many processes share two cores.
pytestmark = pytest.mark.timeout(900)


def test_crashes_and_full_disks_cost_nothing(tmp_path: Path) -> None:
    drill = CrashDrill(tmp_path, local_epochs=2)
    assert all(crash.passed for crash in drill.run(2, tell=print))
    assert all(full.passed for full in fill_disks(drill, tell=print))
