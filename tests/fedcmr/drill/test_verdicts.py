"""A drill that cannot fail proves nothing: each verdict on a case that must not pass."""

import dataclasses
from pathlib import Path

import pytest

from fedcmr.drill.crash import Crash, line, twice
from fedcmr.drill.network import ROUNDS, Attendance
from fedcmr.drill.poison import HOSTILE, LEFT_OUT, Outcome, flip_labels
from fedcmr.drill.soak import Held

GOOD = Crash(
    seed=0,
    victim="a",
    phase=1,
    moment_s=1.0,
    seconds=2.0,
    finished=True,
    lost=0,
    twice=0,
    identical=True,
)


@pytest.mark.parametrize(
    "flaw", [{"finished": False}, {"lost": 1}, {"twice": 1}, {"identical": False}]
)
def test_a_crash_that_cost_something_does_not_pass(flaw: dict[str, object]) -> None:
    assert GOOD.passed
    bad = dataclasses.replace(GOOD, **flaw)  # type: ignore[arg-type]  # from a table
    assert not bad.passed
    assert line(bad) != line(GOOD)


def test_rounds_done_again_are_counted_at_the_coordinator_and_at_the_sites() -> None:
    once = {
        "coordinator": "round 1/3: 3 sites\nround 2/3: 3 sites\n",
        "a": "round 1: trained 2 steps\nround 2: trained 2 steps\n",
        "b": "round 1: trained 2 steps\nround 1: answered with the update that was stored\n",
        "c": "",
    }
    assert twice(once) == 0
    assert twice(once | {"coordinator": once["coordinator"] + "round 2/3: 3 sites\n"}) == 1
    assert twice(once | {"a": 3 * once["a"], "c": "round 1: trained 1 steps\n"}) == 4


def test_a_site_is_accounted_for_when_no_round_is_silent() -> None:
    everything = tuple(range(1, ROUNDS + 1))
    assert Attendance("a", everything, {}).accounted
    assert Attendance("a", everything[1:], {1: "not connected"}).accounted
    assert not Attendance("a", everything[1:], {}).accounted
    assert not Attendance("a", (), {}).accounted


@pytest.mark.parametrize(
    ("auc", "named", "passes"),
    [
        (0.98, (HOSTILE,), True),
        (0.96, (HOSTILE,), False),
        (None, (HOSTILE,), False),
        (0.99, ("ge",), False),
    ],
)
def test_defences_hold_when_little_is_lost_and_the_site_is_named(
    auc: float | None, named: tuple[str, ...], passes: bool
) -> None:
    outcome = Outcome("scaling", "on", auc, named, 1.0)
    assert outcome.passed(clean=1.0) is passes
    assert dataclasses.replace(outcome, defences="off").passed(clean=1.0)


def test_left_out_sites_are_read_from_the_coordinators_lines() -> None:
    log = "x WARNING round 2 without ge-2: set aside\nx INFO round 3: multi_krum left out ge\n"
    assert LEFT_OUT.findall(log) == [("2", "ge-2", ""), ("3", "", "ge")]


def test_flipped_labels_change_nothing_else(tmp_path: Path) -> None:
    source = tmp_path / "labels.csv"
    source.write_text("patient_id,scar,sex\na,1,F\nb,0,M\nc,,F\n", encoding="utf-8")
    flipped = flip_labels(source, tmp_path / "flipped.csv").read_text(encoding="utf-8")
    assert flipped.split() == ["patient_id,scar,sex", "a,0,F", "b,1,M", "c,,F"]


def test_growth_is_seen() -> None:
    steady = (3,) * 40
    memory = tuple(100.0 + 0.01 * (i % 3) for i in range(40))
    flat = Held("a", memory, handles=steady, threads=steady, children=steady)
    assert flat.is_flat
    leak = tuple(value + 0.2 * i for i, value in enumerate(memory))
    assert Held("a", leak, steady, steady, steady).slope_kb == pytest.approx(200, rel=0.1)
    assert not Held("a", leak, steady, steady, steady).is_flat
    assert not Held("a", memory, tuple(range(40)), steady, steady).is_flat
