"""The drills in a short form; `make drills` runs the long one."""

from pathlib import Path

import pytest

from fedcmr.drill.crash import CrashDrill
from fedcmr.drill.disk import fill_disks
from fedcmr.drill.network import NetworkDrill
from fedcmr.drill.poison import HOSTILE, PoisonDrill
from fedcmr.drill.soak import soak

# Many processes share two cores.
pytestmark = pytest.mark.timeout(900)


def test_crashes_and_full_disks_cost_nothing(tmp_path: Path) -> None:
    drill = CrashDrill(tmp_path, local_epochs=2)
    assert all(crash.passed for crash in drill.run(2, tell=print))
    assert all(full.passed for full in fill_disks(drill, tell=print))


def test_every_site_is_accounted_for(tmp_path: Path) -> None:
    drill = NetworkDrill(tmp_path)
    with drill.open():
        sites = drill.attendance()
    assert len(sites) == 7
    assert all(site.accounted for site in sites), sites
    assert any(site.missed for site in sites)


def test_a_hostile_site_is_named_and_costs_little(tmp_path: Path) -> None:
    drill = PoisonDrill(tmp_path, "noise")
    drill.prepare()
    clean, poisoned = drill.run(["none", "sign_flip"], tell=print, defences=["on"])
    assert clean.auc is not None
    assert poisoned.passed(clean.auc), poisoned
    assert poisoned.named == (HOSTILE,)


def test_nothing_grows_over_many_rounds(tmp_path: Path) -> None:
    assert soak(tmp_path, sites=2, rounds=24, tell=print).growing() == []
