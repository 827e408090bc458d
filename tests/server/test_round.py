"""Who takes part in a round, who does not and why, and what of it stays in memory."""

import gc
import tracemalloc
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from fedcmr_server.rounds import Rounds
from flwr.app import RecordDict
from function_sites import FunctionLink, Site, add, experiment, site

from fedcmr.config import Experiment
from fedcmr.errors import PartialRun
from fedcmr.federation import messages as wire

ONE_ROUND = experiment(rounds=1, quorum="all")


def rounds(folder: Path, link: FunctionLink, settings: Experiment = ONE_ROUND) -> Rounds:
    return Rounds(settings, folder, link, lambda link: None)


def steady(names: str = "ab") -> dict[str, Site]:
    return {name: site(1, add(1)) for name in names}


def silent(kind: str, content: RecordDict) -> RecordDict | str | None:
    return None if kind == wire.TRAIN else site(1, add(1))(kind, content)


def test_a_silent_site_misses_the_round_at_the_deadline(tmp_path: Path) -> None:
    settings = experiment(rounds=1, quorum=2, round_deadline_s=0.2)
    run = rounds(tmp_path, FunctionLink(steady() | {"c": silent}), settings)
    run.train()
    [record] = run.state.rounds
    assert set(record.contributed) == {"a", "b"}
    assert record.missed == {"c": "no answer within 0 s"}


def test_a_site_that_comes_back_shakes_hands_and_is_asked_again(tmp_path: Path) -> None:
    link = FunctionLink({})
    link.sites = {"a": site(1, add(1)), "b": silent}

    def comes_back(_: object) -> None:
        if ("b", wire.TRAIN) in link.sent and link.sites["b"] is silent:
            link.sites["b"] = site(1, add(3))
            link.reconnect("b")

    run = Rounds(ONE_ROUND, tmp_path, link, comes_back)
    before = run.weights
    run.train()
    assert np.allclose(run.weights, before + 2)
    kinds = [kind for name, kind in link.sent if name == "b"]
    assert kinds[:4] == [wire.HANDSHAKE, wire.TRAIN, wire.HANDSHAKE, wire.TRAIN]
    assert not run.state.rounds[0].missed


def test_a_site_that_differs_after_it_came_back_is_refused_by_name(tmp_path: Path) -> None:
    link = FunctionLink(steady() | {"c": silent})

    def another_version(kind: str, content: RecordDict) -> str:
        return "code digest differs: coordinator 12, site 34"

    def upgraded(_: object) -> None:
        if ("c", wire.TRAIN) in link.sent and link.sites["c"] is silent:
            link.sites["c"] = another_version
            link.reconnect("c")

    run = Rounds(experiment(rounds=1, quorum=2), tmp_path, link, upgraded)
    run.train()
    assert run.state.rounds[0].missed == {"c": "code digest differs: coordinator 12, site 34"}


def test_all_means_every_enrolled_site_and_names_who_is_waited_for(tmp_path: Path) -> None:
    link = FunctionLink(steady("abc"))
    link.away = {"c"}
    run = rounds(tmp_path, link)
    with pytest.raises(PartialRun, match="round 1 has 2 of 3 sites, waits for c: not connected"):
        run.train()
    status = (tmp_path / "status.json").read_text()
    assert "waits for c: not connected" in status
    assert '"c": "has not come yet"' in status
    link.away = set()
    resumed = rounds(tmp_path, link)
    resumed.train()
    assert set(resumed.state.rounds[0].contributed) == {"a", "b", "c"}


def test_a_site_that_validates_never_trains_and_is_not_waited_for(tmp_path: Path) -> None:
    link = FunctionLink(steady() | {"v": site(0, add(1), role="validate")})
    run = rounds(tmp_path, link)
    run.train()
    assert ("v", wire.TRAIN) not in link.sent
    assert ("v", wire.EVALUATE) in link.sent
    assert run.state.rounds[0].missed == {}


def test_without_late_join_a_site_that_comes_after_round_1_is_refused(tmp_path: Path) -> None:
    link = FunctionLink(steady("abc"))
    link.away = {"c"}

    def comes(_: object) -> None:
        if link.sent.count(("a", wire.TRAIN)) == 2:
            link.away = set()

    run = Rounds(experiment(quorum=2, late_join=False), tmp_path, link, comes)
    run.train()
    assert "late_join: no" in run.state.refused["c"]
    assert "c" not in run.state.cohorts
    assert all("c" in record.missed for record in run.state.rounds)


def test_an_update_outside_the_norm_band_is_set_aside(tmp_path: Path) -> None:
    settings = experiment(rounds=1, quorum=3, norm_band=3.0)
    run = rounds(tmp_path, FunctionLink(steady("abc") | {"d": site(1, add(100))}), settings)
    before = run.weights
    run.train()
    assert np.allclose(run.weights, before + 1)
    assert "set aside" in run.state.rounds[0].missed["d"]


def test_one_hostile_site_that_the_strategy_bears_does_not_stop_the_run(tmp_path: Path) -> None:
    def poison(vector: np.ndarray) -> np.ndarray:
        return np.full_like(vector, np.nan)

    settings = experiment(rounds=1, quorum="all", strategy="trimmed_mean", byzantine=1)
    run = rounds(tmp_path, FunctionLink(steady("abcd") | {"e": site(1, poison)}), settings)
    run.train()
    assert "not finite" in run.state.rounds[0].missed["e"]


def test_a_site_that_was_withdrawn_in_mid_round_does_not_count(tmp_path: Path) -> None:
    link = FunctionLink(steady("abc"))

    def withdraw(_: object) -> None:
        if (tmp_path / "round-1" / "c.json").exists():
            link.sites.pop("c")
            link.withdrawn["c"] = "revoked"

    link.sites["b"] = silent

    def answers(_: object) -> None:
        withdraw(_)
        if "c" not in link.sites:
            link.sites["b"] = site(1, add(1))

    run = Rounds(experiment(rounds=1, quorum=2), tmp_path, link, answers)
    before = run.weights
    run.train()
    assert np.allclose(run.weights, before + 1)
    assert run.state.rounds[0].missed == {"c": "revoked"}


def trains_only(amount: float) -> Site:
    def answer(kind: str, content: RecordDict) -> RecordDict | str | None:
        gc.collect()  # records are part of cycles; the last update must not count as kept
        return "no" if kind == wire.EVALUATE else site(1, add(amount))(kind, content)

    return answer


@pytest.mark.parametrize("count", [3, 16])
def test_memory_does_not_grow_with_the_number_of_sites(tmp_path: Path, count: int) -> None:
    sites: Mapping[str, Site] = {f"s{i:02}": trains_only(i) for i in range(count)}
    run = rounds(tmp_path, FunctionLink(sites))
    tracemalloc.start()
    run.train()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # The weights sent, one update as it is made and as it is checked, and blocks of the merge.
    assert peak < 8 * run.weights.nbytes
