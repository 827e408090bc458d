import datetime as dt

import pytest
from fedcmr_server.origin import provenance
from fedcmr_server.state import Contribution, RoundRecord, RunState, Validation

from fedcmr.config import Experiment
from fedcmr.federation.cohort import Cohort

NOW = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC).isoformat()
PLAIN = Experiment(name="plain")
PRIVATE = Experiment.model_validate(
    {
        "name": "private",
        "federation": {"select": "last"},
        "privacy": {"mechanism": "dp_sgd", "target_epsilon": 4.0},
    }
)


def cohort(**changes: object) -> Cohort:
    counts = {"train": 20, "validation": 5, "test": 5, "phantom": True}
    return Cohort.model_validate({**counts, "results_by_site": True, **changes})


def finished(
    number: int, *sites: str, unused: tuple[str, ...] = (), epsilon: float | None = None
) -> RoundRecord:
    return RoundRecord(
        round=number,
        finished=NOW,
        seconds=1.0,
        contributed={
            name: Contribution(examples=20, steps=3, loss=index, seconds=2.0, epsilon=epsilon)
            for index, name in enumerate(sites)
        },
        missed=dict.fromkeys({"a", "b", "c"} - set(sites), "not connected"),
        unused=unused,
        validation=Validation(loss=0.5, auc=0.7, comparable=True),
    )


@pytest.fixture
def state() -> RunState:
    return RunState(
        experiment_digest="0" * 64,
        started=NOW,
        cohorts={name: cohort() for name in "abc"},
        rounds=(finished(1, "a", "b", "c", unused=("b",)), finished(2, "a", "b")),
        best_round=1,
    )


def test_who_was_merged_who_was_left_out_and_who_was_away(state: RunState) -> None:
    found = provenance(state, PLAIN, "run", ())
    assert [record.sites for record in found.history] == [("a", "c"), ("a", "b")]
    assert found.history[0].loss == (0 + 2) / 2
    sites = {site.name: site for site in found.sites}
    assert {name: site.rounds_contributed for name, site in sites.items()} == {
        "a": 2,
        "b": 1,
        "c": 1,
    }
    assert sites["a"].rounds_missed == ()
    [left_out], [away] = sites["b"].rounds_missed, sites["c"].rounds_missed
    assert (left_out.round, left_out.reason) == (
        1,
        "trained, but the strategy left its update out",
    )
    assert (away.round, away.reason) == (2, "not connected")


def test_a_silent_site_shows_no_number(state: RunState) -> None:
    cohorts = {**state.cohorts, "b": cohort(results_by_site=False)}
    found = provenance(state.model_copy(update={"cohorts": cohorts}), PLAIN, "run", ())
    [silent] = [site for site in found.sites if site.name == "b"]
    assert (silent.examples, silent.results_by_site) == (None, False)
    assert all(part.site != "b" for record in found.history for part in record.parts)


def test_a_private_run_tells_epsilon_and_no_training_loss(state: RunState) -> None:
    rounds = (finished(1, "a", "b", "c", epsilon=1.5), finished(2, "a", "b", epsilon=2.0))
    found = provenance(state.model_copy(update={"rounds": rounds}), PRIVATE, "run", ())
    assert [record.loss for record in found.history] == [None, None]
    spent = {site.name: site.privacy.epsilon for site in found.sites if site.privacy}
    assert spent == {"a": 2.0, "b": 2.0, "c": 1.5}
    assert found.privacy is not None
    assert found.privacy.epsilon == 2.0


def test_a_site_that_validates_misses_nothing(state: RunState) -> None:
    cohorts = {**state.cohorts, "c": cohort(train=0, role="validate")}
    found = provenance(state.model_copy(update={"cohorts": cohorts}), PLAIN, "run", ())
    [validating] = [site for site in found.sites if site.name == "c"]
    assert (validating.role, validating.rounds_missed) == ("validate", ())
