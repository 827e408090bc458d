"""The drills in a short form; `make drills` runs the long one."""

import pytest

from fedcmr.drill.federation import call

# A dozen processes share two cores, each with seconds of imports.
pytestmark = pytest.mark.timeout(900)


def test_crashes_cost_nothing() -> None:
    call("fedcmr", "drill", "crash", "--seeds", 2, "--local-epochs", 6)


def test_a_full_disk_is_one_line() -> None:
    call("fedcmr", "drill", "disk")


def test_every_site_is_accounted_for() -> None:
    call("fedcmr", "drill", "network")


def test_a_hostile_site_is_named_and_costs_little() -> None:
    call("fedcmr", "drill", "poison", "--data", "noise", "--attack", "sign_flip")
