"""When a question to the sites is over: neither before somebody who may answer, nor never."""

import time
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from fedcmr_server.asked import Asked
from fedcmr_server.rounds import Rounds
from fedcmr_server.sites import RETURN_S, Sites
from flwr.app import RecordDict
from function_sites import FunctionLink, add, experiment, site

from fedcmr.errors import PartialRun
from fedcmr.federation import messages as wire

STEADY = site(1, add(1))


def silent(kind: str, content: RecordDict) -> RecordDict | str | None:
    return None if kind == wire.TRAIN else STEADY(kind, content)


def test_a_site_that_comes_back_between_two_looks_is_not_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link, meet = FunctionLink({"a": STEADY, "b": STEADY, "c": silent}), Sites.meet

    def then_it_comes_back(sites: Sites) -> None:
        meet(sites)
        if link.sites["c"] is silent and (tmp_path / "round-1" / "b.json").exists():
            link.sites["c"] = STEADY
            link.reconnect("c")

    monkeypatch.setattr(Sites, "meet", then_it_comes_back)
    run = Rounds(experiment(rounds=1, quorum=2), tmp_path, link, lambda link: None)
    run.train()
    assert run.state.rounds[0].missed == {}


def test_after_a_restart_the_sites_of_the_run_are_given_time_to_come_back(tmp_path: Path) -> None:
    sites = {"a": STEADY, "b": STEADY, "c": STEADY}

    class Killed(BaseException):
        pass

    def dies(kind: str, content: RecordDict) -> RecordDict | str | None:
        if kind == wire.TRAIN and (tmp_path / "round-2" / "b.json").exists():
            raise Killed
        return STEADY(kind, content)

    settings = experiment(rounds=2, quorum=2)
    cut = Rounds(settings, tmp_path, FunctionLink(sites | {"c": dies}), lambda link: None)
    with pytest.raises(Killed):
        cut.train()
    link, looks = FunctionLink(sites), 0
    link.away = {*sites}

    def one_after_the_other(_: object) -> None:
        nonlocal looks
        looks += 1
        link.away = {*sites} if looks < 3 else {"c"} if looks < 10 else set()

    run = Rounds(settings, tmp_path, link, one_after_the_other)
    run.train()
    assert [record.missed for record in run.state.rounds] == [{}, {}]


def test_after_a_restart_in_round_1_a_site_that_still_trains_is_waited_for(tmp_path: Path) -> None:
    class Killed(BaseException):
        pass

    def dies(kind: str, content: RecordDict) -> RecordDict | str | None:
        if kind == wire.TRAIN and (tmp_path / "round-1" / "b.json").exists():
            raise Killed
        return STEADY(kind, content)

    settings = experiment(rounds=1, quorum=2, round_deadline_s=100)
    sites = {"a": STEADY, "b": STEADY}
    with pytest.raises(Killed):
        Rounds(settings, tmp_path, FunctionLink(sites | {"c": dies}), lambda link: None).train()
    link, looks = FunctionLink(sites | {"c": STEADY}), 0

    def c_notices_late(_: object) -> None:
        nonlocal looks
        looks += 1
        link.away = {"c"} if looks < 10 else set()

    run = Rounds(settings, tmp_path, link, c_notices_late)
    run.train()
    assert run.state.rounds[0].missed == {}
    assert [name for name, kind in link.sent if kind == wire.TRAIN] == ["c"]


def test_after_a_restart_no_site_is_waited_for_beyond_the_deadline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fedcmr_server.round.RETURN_S", 0.2)
    asked = Asked(tmp_path / "round-1")
    (tmp_path / "round-1").mkdir()
    asked.note(["a", "b", "c"], elapsed_s=3600)
    link = FunctionLink({"a": STEADY, "b": STEADY, "c": STEADY})
    link.away = {"c"}
    begun = time.monotonic()
    settings = experiment(rounds=1, quorum=2, round_deadline_s=1800)
    run = Rounds(settings, tmp_path, link, lambda link: None)
    run.train()
    assert run.state.rounds[0].missed == {"c": "not connected"}
    assert time.monotonic() - begun < 60


@pytest.mark.parametrize("back_after", [0, 3])
def test_who_is_asked_again_after_a_long_outage_has_the_whole_deadline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, back_after: int
) -> None:
    """A second goes by at each look; c trains longer than RETURN_S, the others need no time."""
    seconds = count()
    clock = SimpleNamespace(monotonic=lambda: now, sleep=lambda _: None)
    monkeypatch.setattr("fedcmr_server.exchange.time", clock)
    (tmp_path / "round-1").mkdir()
    Asked(tmp_path / "round-1").note(["a", "b", "c"], elapsed_s=3600)
    now = trained = 0

    def slow(kind: str, content: RecordDict) -> RecordDict | str | None:
        nonlocal trained
        trained += kind == wire.TRAIN
        return None if kind == wire.TRAIN and trained < 2 * RETURN_S else STEADY(kind, content)

    def look(_: object) -> None:
        nonlocal now
        now = next(seconds)
        link.away = {"c"} if now < back_after else set()

    link = FunctionLink({"a": STEADY, "b": STEADY, "c": slow})
    run = Rounds(experiment(rounds=1, quorum=2, round_deadline_s=1800), tmp_path, link, look)
    run.train()
    assert run.state.rounds[0].missed == {}


def test_a_site_that_comes_back_again_and_again_does_not_keep_a_round_open(tmp_path: Path) -> None:
    link = FunctionLink({"a": STEADY, "b": silent, "c": silent})
    end = time.monotonic() + 10

    def flaps(_: object) -> None:
        if time.monotonic() < end and ("c", wire.TRAIN) in link.sent:
            link.reconnect("c")

    settings = experiment(rounds=1, quorum=2, round_deadline_s=0.5, site_wait_s=0.1)
    run = Rounds(settings, tmp_path, link, flaps)
    with pytest.raises(PartialRun, match="waits for"):
        run.train()
    assert time.monotonic() < end
    assert np.isfinite(run.weights).all()


def test_without_late_join_the_validation_of_round_1_is_too_late(tmp_path: Path) -> None:
    link = FunctionLink({"a": STEADY, "b": STEADY, "c": STEADY})
    link.away = {"c"}

    def comes(_: object) -> None:
        if ("a", wire.EVALUATE) in link.sent:
            link.away = set()

    run = Rounds(experiment(rounds=1, quorum=2, late_join=False), tmp_path, link, comes)
    run.train()
    run.evaluation.sums(run.weights, "test", awaited=["a", "b"], finished=1)
    assert "late_join: no" in run.sites.refused["c"]
    assert set(run.sites.cohorts) == {"a", "b"}


def test_a_hostile_site_that_was_withdrawn_does_not_stand_for_an_absent_one(tmp_path: Path) -> None:
    poison = site(1, lambda vector: np.full_like(vector, np.nan))
    link = FunctionLink(dict.fromkeys("abcd", STEADY) | {"e": poison})
    link.away = {"d"}

    def revokes(_: object) -> None:
        if (tmp_path / "round-1" / "c.json").exists():
            link.sites.pop("e", None)

    settings = experiment(
        rounds=1, quorum="all", strategy="trimmed_mean", byzantine=1, round_deadline_s=0.5
    )
    with pytest.raises(PartialRun, match="waits for d: not connected"):
        Rounds(settings, tmp_path, link, revokes).train()
