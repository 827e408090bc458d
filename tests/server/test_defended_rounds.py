"""Hostile and revoked sites in whole rounds: left out, named, and without effect."""

from pathlib import Path

import numpy as np
import pytest
from fedcmr_server.rounds import Rounds
from flwr.app import RecordDict
from function_sites import FunctionLink, Site, add, experiment, site

from fedcmr.federation import messages as wire


class Scene(FunctionLink):
    """Sites of which one can be revoked."""

    def __init__(self, sites: dict[str, Site]) -> None:
        super().__init__(sites)
        self.withdrawn: dict[str, str] = {}

    def revoke(self, name: str) -> None:
        del self.sites[name]
        self.withdrawn[name] = "revoked"


HONEST = {"a": site(1, add(1.0)), "b": site(1, add(1.1)), "c": site(1, add(0.9))}


def test_a_site_that_is_revoked_in_mid_round_does_not_count(tmp_path: Path) -> None:
    link = Scene(dict(HONEST))
    trained = 0

    def revoked_after_it_answered_round_2(kind: str, content: RecordDict) -> RecordDict:
        nonlocal trained
        trained += kind == wire.TRAIN
        return site(1, add(100))(kind, content)

    def last_of_round_2(kind: str, content: RecordDict) -> RecordDict:
        if kind == wire.TRAIN and trained == 2 and "b" in link.sites:
            link.revoke("b")
        return site(1, add(1))(kind, content)

    link.sites = {"a": site(1, add(1)), "b": revoked_after_it_answered_round_2}
    link.sites["c"] = last_of_round_2
    run = Rounds(experiment(), tmp_path, link, lambda link: None)
    before = run.weights
    run.train()
    first, second, third = run.state.rounds
    assert set(first.contributed) == {"a", "b", "c"}
    assert (set(second.contributed), second.missed) == ({"a", "c"}, {"b": "revoked"})
    assert (set(third.contributed), third.missed) == ({"a", "c"}, {"b": "revoked"})
    assert np.allclose(run.weights, before + 34 + 1 + 1, atol=1e-4)


@pytest.mark.parametrize("change", [add(1000), add(-1000), add(0)])
def test_an_update_outside_the_norm_band_is_set_aside(tmp_path: Path, change: object) -> None:
    link = Scene(HONEST | {"d": site(50, change)})
    run = Rounds(experiment(norm_band=3, rounds=1), tmp_path, link, lambda link: None)
    before = run.weights
    run.train()
    assert np.allclose(run.weights, before + 1, atol=1e-4)
    for record in run.state.rounds:
        assert list(record.missed) == ["d"]
        assert "outside the norm band of 3" in record.missed["d"]


@pytest.mark.parametrize(
    "strategy",
    [
        {"strategy": "median"},
        {"strategy": "trimmed_mean", "byzantine": 1},
        {"strategy": "krum", "byzantine": 1},
        {"strategy": "multi_krum", "byzantine": 1},
    ],
)
def test_one_hostile_site_of_five_moves_nothing(
    tmp_path: Path, strategy: dict[str, object]
) -> None:
    link = Scene(HONEST | {"d": site(50, add(-1000)), "e": site(1, add(1.05))})
    run = Rounds(experiment(quorum=5, rounds=1, **strategy), tmp_path, link, lambda link: None)
    before = run.weights
    run.train()
    step = run.weights - before
    assert (step >= 0.9 - 1e-4).all()
    assert (step <= 1.1 + 1e-4).all()
