from pathlib import Path

import numpy as np
import pytest
from fedcmr_client import session as session_module
from fedcmr_client.limits import EVALUATIONS_PER_ROUND, FINAL_EVALUATIONS
from fedcmr_client.scorer import Scorer
from fedcmr_client.session import Session, open_session
from site_files import AUTO, EXPERIMENT, PRIVATE, SPLITS, accept, make_site, opened, start

from fedcmr.config import Experiment
from fedcmr.data.store import open_dataset
from fedcmr.drill.noise import SMALL, noise_dataset
from fedcmr.errors import ConfigurationError, DataError, PolicyRefusal
from fedcmr.federation.contract import contract
from fedcmr.privacy.budget import BudgetExhausted
from fedcmr.privacy.outbound import Outgoing
from fedcmr.training import round_state


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return accept(make_site(tmp_path))


def count_trainings(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count calls of the real training."""
    calls, real = [], session_module.train_round

    def counted(*args: object, **kwargs: object) -> object:
        calls.append(1)
        return real(*args, **kwargs)

    monkeypatch.setattr(session_module, "train_round", counted)
    return calls


def test_the_cohort_counts_labelled_studies(session: Session) -> None:
    told = {"phantom": True, "role": "train", "results_by_site": True}
    assert session.cohort().model_dump() == SPLITS | told


def test_a_site_that_validates_never_trains(tmp_path: Path) -> None:
    policy = AUTO.model_copy(update={"results_by_site": False})
    session = accept(make_site(tmp_path, policy, role="validate"))
    cohort = session.cohort()
    assert (cohort.train, cohort.test, cohort.role) == (0, SPLITS["test"], "validate")
    assert cohort.results_by_site is False
    with pytest.raises(PolicyRefusal, match="only validates"):
        session.train(start(session), 1)
    assert Scorer(session).evaluate(start(session), "test").overall.n == SPLITS["test"]


def test_a_round_changes_the_weights_and_repeats_to_the_bit(
    session: Session, tmp_path: Path
) -> None:
    weights = start(session)
    one = session.train(weights, 1)
    other = session.train(weights, 2).update
    again = accept(make_site(tmp_path / "elsewhere")).train(weights, 1).update
    assert one.result.examples == SPLITS["train"]
    assert one.result.steps == 2
    assert one.epsilon is None
    assert np.array_equal(one.update, again)
    assert not np.array_equal(one.update, weights)
    assert not np.array_equal(one.update, other)  # another order of studies


def test_steps_are_counted_over_rounds(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four studies in batches of two: the second round begins with step 2."""
    begun, real = [], session_module.train_round

    def noted(*args: object, **kwargs: object) -> object:
        begun.append(kwargs["start_step"])
        return real(*args, **kwargs)

    monkeypatch.setattr(session_module, "train_round", noted)
    weights = start(session)
    for number in (1, 2):
        session.train(weights, number)
    assert begun == [0, 2]


def test_a_finished_round_is_answered_again_without_training(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls, weights = count_trainings(monkeypatch), start(session)
    first = session.train(weights, 1)
    later = accept(make_site(tmp_path)).train(weights, 1)  # after a restart
    assert calls == [1]
    assert np.array_equal(first.update, later.update)
    assert first.result == later.result
    session.train(first.update, 1)
    assert calls == [1, 1]


def test_sums_cover_the_split(session: Session) -> None:
    assert Scorer(session).evaluate(start(session), "test").overall.n == SPLITS["test"]


@pytest.mark.parametrize("number", [0, 3, -1])
def test_a_round_that_was_not_agreed_is_refused(session: Session, number: int) -> None:
    with pytest.raises(PolicyRefusal, match=f"no round {number}"):
        session.train(start(session), number)


def leave(session: Session, kind: str, split: str | None, times: int) -> None:
    for number in range(times):
        message = Outgoing(session.run, "test", kind, 1, split=split, texts={"n": str(number)})
        session.site.outbound.write(message)


def test_each_round_is_trained_once_even_after_restarts(session: Session, tmp_path: Path) -> None:
    leave(session, "train", None, 2)
    with pytest.raises(PolicyRefusal, match="has trained all 2 rounds"):
        accept(make_site(tmp_path)).train(start(session), 1)


def test_a_split_cannot_be_asked_for_ever_even_after_restarts(
    session: Session, tmp_path: Path
) -> None:
    most = EVALUATIONS_PER_ROUND * EXPERIMENT.federation.rounds + FINAL_EVALUATIONS
    leave(session, "evaluate", "test", most - 1)
    leave(session, "evaluate", "test", most - 1)  # word for word: tells nothing new
    Scorer(session).evaluate(start(session), "test")
    leave(session, "evaluate", "test", most)
    again = Scorer(accept(make_site(tmp_path)))
    with pytest.raises(PolicyRefusal, match="test split was evaluated often enough"):
        again.evaluate(start(session), "test")
    again.evaluate(start(session), "validation")


def test_foreign_weights_are_refused(session: Session) -> None:
    weights = start(session)
    weights[3] = np.nan
    with pytest.raises(DataError, match="not finite"):
        session.train(weights, 1)


def test_other_code_or_an_unknown_key_is_refused_by_name(tmp_path: Path) -> None:
    folder = make_site(tmp_path)
    dataset, site = open_dataset(folder.dataset), opened(folder)
    theirs = contract(EXPERIMENT).model_copy(update={"code_digest": "ab" * 32})
    with pytest.raises(PolicyRefusal, match=r"code digest differs: coordinator abababababab"):
        open_session(EXPERIMENT.canonical_json(), theirs.canonical_json(), dataset, site)
    text = EXPERIMENT.canonical_json().replace('"rounds"', '"round"')
    with pytest.raises(ConfigurationError, match=r"federation\.round.*did you mean 'rounds'"):
        open_session(text, theirs.canonical_json(), dataset, site)
    spaced = EXPERIMENT.canonical_json().replace(",", ", ", 1)
    ours = contract(EXPERIMENT).canonical_json()
    with pytest.raises(PolicyRefusal, match="not in its canonical form"):
        open_session(spaced, ours, dataset, site)


def test_a_site_without_a_label_is_refused(tmp_path: Path) -> None:
    noise_dataset(tmp_path / "dataset", "a", splits={}, seed=0, preprocessing=SMALL)
    with pytest.raises(DataError, match=r"no study of this site is labelled.*ingest again"):
        accept(make_site(tmp_path))


def test_a_private_round_is_paid_for_before_it_trains_and_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_site(tmp_path)
    session = accept(folder, PRIVATE)
    weights = start(session)

    def killed(*args: object, **kwargs: object) -> None:
        assert len(session.site.budget.budget.charges) == 1
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(session_module, "train_round", killed)
        with pytest.raises(KeyboardInterrupt):
            session.train(weights, 1)
    again = accept(folder, PRIVATE)
    done = again.train(weights, 1)  # goes on; paid already
    assert again.train(weights, 1).epsilon == done.epsilon
    assert len(again.site.budget.budget.charges) == 1
    assert done.epsilon == again.gate.spent()
    assert again.cohort().train == SPLITS["train"]


def test_an_older_budget_beside_a_newer_outbound_ledger_is_refused_at_the_start(
    tmp_path: Path,
) -> None:
    folder = make_site(tmp_path)
    session = accept(folder, PRIVATE)
    session.gate.pay(1)
    old = {path: path.read_bytes() for path in folder.budget.parent.glob("budget.*")}
    session.gate.pay(2)
    for number in (1, 2):
        left = Outgoing(session.run, "private", "train", 1, round=number, epsilon=1.0)
        session.site.outbound.write(left)
    opened(folder)
    for path, content in old.items():
        path.write_bytes(content)
    with pytest.raises(DataError, match=r"no charge for 1 private rounds that left, first round 2"):
        opened(folder)


def test_a_run_that_the_budget_does_not_cover_is_refused_before_it_trains(
    tmp_path: Path,
) -> None:
    free = accept(make_site(tmp_path), PRIVATE)
    whole = free.gate.of_run()
    free.train(start(free), 1)
    tight = AUTO.model_copy(update={"largest_epsilon": whole * 1.01, "delta": 1e-5})
    assert accept(make_site(tmp_path, tight), PRIVATE)  # the rest of the same run still fits
    second = Experiment.model_validate({**PRIVATE.model_dump(), "name": "second"})
    with pytest.raises(BudgetExhausted, match=r"epsilon would become .* the site allows"):
        accept(make_site(tmp_path, tight), second)
    assert len(accept(make_site(tmp_path), second).site.budget.budget.charges) == 1


def test_a_killed_round_goes_on_and_ends_with_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = accept(make_site(tmp_path / "never killed"))
    weights = start(expected)
    folder, steps = make_site(tmp_path / "killed"), []
    monkeypatch.setattr(round_state, "LEAST_PAUSE_S", 0.0)
    monkeypatch.setattr(round_state, "SHARE", 1e9)
    after_step = round_state.RoundState.after_step

    def killed(self: round_state.RoundState) -> None:
        after_step(self)
        steps.append(1)
        if len(steps) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(round_state.RoundState, "after_step", killed)
    with pytest.raises(KeyboardInterrupt):
        accept(folder).train(weights, 1)
    assert (folder.round / "resume.safetensors").exists()
    resumed = accept(folder).train(weights, 1)
    assert len(steps) == 2  # of a round of two
    assert np.array_equal(resumed.update, expected.train(weights, 1).update)


def test_under_fedbn_a_round_starts_with_the_sites_own_normalisation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    federation = {"rounds": 2, "quorum": 1, "strategy": "fedbn"}
    experiment = Experiment.model_validate({**EXPERIMENT.model_dump(), "federation": federation})
    session, owns = accept(make_site(tmp_path), experiment), []
    monkeypatch.setattr(
        session_module,
        "with_own",
        lambda weights, own, model: (owns.append(own), weights)[1],
    )
    first = session.train(start(session), 1)
    assert owns == []
    session.train(start(session), 2)
    assert np.array_equal(owns[0], first.update)
