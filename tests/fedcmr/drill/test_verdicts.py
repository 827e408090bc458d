"""A drill that cannot fail proves nothing: each verdict on a case that must not pass."""

import dataclasses
from pathlib import Path

import pytest

from fedcmr.drill.crash import Crash, line, twice
from fedcmr.drill.network import ROUNDS, Attendance
from fedcmr.drill.poison import HOSTILE, LEFT_OUT, Outcome, flip_labels
from fedcmr.drill.soak import Held, Soak

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


@pytest.mark.parametrize(("auc", "passes"), [(0.95, True), (0.52, False), (None, False)])
@pytest.mark.parametrize("defences", ["off", "on"])
def test_where_nothing_was_learnt_nothing_passes(
    defences: str, auc: float | None, passes: bool
) -> None:
    assert Outcome("none", defences, auc, (), 1.0).passed(clean=auc or 0.0) is passes


def test_left_out_sites_are_read_from_the_coordinators_lines() -> None:
    log = "x WARNING round 2 without ge-2: set aside\nx INFO round 3: multi_krum left out ge\n"
    assert LEFT_OUT.findall(log) == [("2", "ge-2", ""), ("3", "", "ge")]


def test_flipped_labels_change_nothing_else(tmp_path: Path) -> None:
    source = tmp_path / "labels.csv"
    source.write_text("patient_id,scar,sex\na,1,F\nb,0,M\nc,,F\n", encoding="utf-8")
    flipped = flip_labels(source, tmp_path / "flipped.csv").read_text(encoding="utf-8")
    assert flipped.split() == ["patient_id,scar,sex", "a,0,F", "b,1,M", "c,,F"]


STEADY = (3,) * 40
MEMORY = tuple(100.0 + 0.01 * (number * 7 % 5) for number in range(40))
HELD = Held("coordinator", MEMORY, STEADY, STEADY, STEADY)
SITE = dataclasses.replace(HELD, process="a")


def of(held: Held, *sites: Held, disk_kb: tuple[float, ...] = MEMORY) -> list[str]:
    """Return what grows."""
    return Soak((held, *(sites or (SITE,))), disk_kb, MEMORY).growing()


def test_what_is_flat_after_the_warm_up_passes() -> None:
    assert of(HELD) == []
    filling = tuple(value - 20 * (number < 20) for number, value in enumerate(MEMORY))
    assert of(dataclasses.replace(HELD, memory_mb=filling)) == []
    opened = tuple(3 + min(number, 15) for number in range(40))
    assert of(dataclasses.replace(HELD, handles=opened)) == []


def test_growth_is_seen() -> None:
    leak = tuple(value + 0.2 * number for number, value in enumerate(MEMORY))
    leaking = dataclasses.replace(HELD, memory_mb=leak)
    assert leaking.slope_kb.value == pytest.approx(200, rel=0.1)
    assert leaking.slope_kb.low > 100
    assert of(leaking) == ["coordinator: memory"]
    growing_kb = tuple(5.0 * number for number in range(40))
    assert of(HELD, dataclasses.replace(SITE, memory_mb=leak), disk_kb=growing_kb) == [
        "a site: memory",
        "a: memory",
        "disk",
    ]


@pytest.mark.parametrize("counted", ["handles", "threads", "children"])
def test_one_more_every_six_rounds_is_seen(counted: str) -> None:
    slowly = tuple(number // 6 for number in range(40))
    growing = dataclasses.replace(SITE, **{counted: slowly})  # type: ignore[arg-type]  # any count
    assert of(HELD, growing) == [f"a: {counted}"]


def test_handles_that_come_and_go_are_no_growth() -> None:
    now_and_then = tuple(3 + (number % 7 == 0) for number in range(40))
    assert of(dataclasses.replace(HELD, handles=now_and_then)) == []


def test_memory_that_goes_up_and_down_too_much_to_tell_does_not_pass() -> None:
    waves = tuple(100.0 + 20 * (number * 7 % 5) for number in range(40))
    wild = dataclasses.replace(HELD, memory_mb=waves)
    assert wild.slope_kb.low < 0
    assert of(wild) == ["coordinator: memory"]


def test_sites_are_judged_together() -> None:
    up, down = (
        dataclasses.replace(SITE, memory_mb=memory)
        for memory in zip(*((n * 7 % 5, 4 - n * 7 % 5) for n in range(40)), strict=True)
    )
    assert of(HELD, up) == ["a site: memory"]
    assert of(HELD, up, down) == []


def test_a_leak_of_one_site_among_many_is_seen() -> None:
    leak = tuple(value + 0.2 * number for number, value in enumerate(MEMORY))
    leaking = dataclasses.replace(SITE, process="b", memory_mb=leak)
    found = Soak((HELD, *[SITE] * 9, leaking), MEMORY, MEMORY)
    assert found.memory_kb()["a site"].high < 100
    assert found.growing() == ["b: memory"]
