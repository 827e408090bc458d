"""No field of any message, experiment or configuration widens what the site allows."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fedcmr_client import scorer as scorer_module
from fedcmr_client import session as session_module
from fedcmr_client.app import client_app
from fedcmr_client.approval import Approvals
from fedcmr_client.outbox import outgoing
from fedcmr_client.settings import SiteFolder
from flwr.app import Array, ArrayRecord, ConfigRecord, Context, Error, Message, RecordDict
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from site_files import SETTINGS, TODAY, make_site, opened, question

from fedcmr.config import Experiment
from fedcmr.data.store import open_dataset
from fedcmr.errors import DataError, PolicyRefusal
from fedcmr.federation import messages as wire
from fedcmr.federation.payload import Layout
from fedcmr.models.registry import build
from fedcmr.privacy.policy import Policy

POLICY = Policy(
    models=("t_cnn",),
    strategies=("fedavg",),
    most_rounds=2,
    smallest_cell=8,
    most_bins=16,
    latest=TODAY,
    results_by_site=False,
)
DECENT = Experiment.model_validate({**SETTINGS, "evaluation": {"min_class_count": 8}})
KINDS = ("query.handshake", "query.survey", "train", "evaluate")


property_test = settings(
    max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)


def folder_with(factory: pytest.TempPathFactory, policy: Policy) -> SiteFolder:
    """A site whose data set is made once."""
    return make_site(factory.getbasetemp() / f"site-{policy.approval}", policy)


VALUES = st.one_of(
    st.integers(-(2**40), 2**40),
    st.floats(),
    st.text(max_size=20),
    st.booleans(),
    st.none(),
    st.sampled_from(["auto", "none", "train", "test", "all", "never"]),
)
EXTRA = st.dictionaries(
    st.sampled_from(
        ["policy", "approval", "role", "today", "allow", "rounds", "patients", "digest", "epsilon"]
    ),
    st.one_of(st.integers(-5, 5), st.text(max_size=8), st.floats(0, 1), st.just("auto")),
    max_size=3,
)
EXPERIMENTS = st.builds(
    lambda model, strategy, rounds, cell, more: {
        **SETTINGS,
        "model": {"name": model},
        "federation": {"rounds": rounds, "quorum": 1, **strategy},
        "evaluation": {"min_class_count": cell},
        **more,
    },
    st.sampled_from(["t_cnn", "t_cnn", "s_cnn"]),
    st.sampled_from([{}, {}, {"strategy": "median"}]),
    st.integers(1, 3),
    st.sampled_from([7, 8, 8, 12]),
    st.one_of(
        st.just({}),
        st.fixed_dictionaries({"policy": st.just({"approval": "auto"})}),
        st.dictionaries(st.sampled_from(["name", "task", "model", "training"]), VALUES, max_size=2),
    ),
)


RECORDS = st.dictionaries(
    st.sampled_from([wire.CONFIG, wire.ARRAYS, "policy", "site"]),
    st.one_of(
        st.dictionaries(
            st.sampled_from([wire.EXPERIMENT, wire.CONTRACT, wire.ROUND, wire.SPLIT, "policy"]),
            st.one_of(
                st.integers(-5, 5),
                st.text(max_size=10),
                st.sampled_from(["{}", "[" * 99, DECENT.canonical_json()]),
            ),
        ).map(lambda values: ConfigRecord({**values})),
        st.lists(st.floats(width=32), max_size=4).map(
            lambda values: ArrayRecord({wire.WEIGHTS: Array(np.array(values, np.float32))})
        ),
    ),
)


def ask(
    folder: SiteFolder, message: Message, today: dt.date = TODAY
) -> tuple[Message | None, Exception | None]:
    """Ask the site's application in this process, as a worker does."""
    app = client_app(opened(folder, today), lambda: open_dataset(folder.dataset))
    try:
        return app(message, Context(1, 1, {}, RecordDict(), {})), None
    except Exception as error:
        return None, error


def asked(kind: str, data: dict[str, Any], extra: dict[str, Any], number: int) -> Message | None:
    """Return the message of a coordinator whose tool accepts the experiment."""
    try:
        experiment = Experiment.model_validate(data)
    except ValueError:
        return None
    layout = Layout(build(experiment.model, experiment.preprocessing).state_dict())
    weights = np.zeros(layout.size, np.float32)
    return question(kind, experiment, weights, **{"round": number, "split": "test", **extra})


@property_test
@given(data=EXPERIMENTS, extra=EXTRA, kind=st.sampled_from(KINDS), number=st.integers(-1, 6))
def test_nothing_is_answered_that_nobody_approved(
    tmp_path_factory: pytest.TempPathFactory,
    data: dict[str, Any],
    extra: dict[str, Any],
    kind: str,
    number: int,
) -> None:
    message = asked(kind, data, extra, number)
    if message is None:
        return
    folder = folder_with(tmp_path_factory, POLICY)
    reply, error = ask(folder, message)
    assert reply is None
    assert isinstance(error, PolicyRefusal)
    assert not (folder.path / "round").exists()


@property_test
@given(data=EXPERIMENTS, extra=EXTRA, kind=st.sampled_from(KINDS), number=st.integers(-1, 6))
@example(data=DECENT.model_dump(), extra={"policy": "auto"}, kind="query.handshake", number=1)
@example(data=DECENT.model_dump(), extra={"rounds": 9}, kind="train", number=2)
@example(data=DECENT.model_dump(), extra={}, kind="train", number=3)
@example(data=DECENT.model_dump(), extra={"role": "auto"}, kind="evaluate", number=1)
def test_an_answer_lies_within_the_policy(
    tmp_path_factory: pytest.TempPathFactory,
    data: dict[str, Any],
    extra: dict[str, Any],
    kind: str,
    number: int,
) -> None:
    message = asked(kind, data, extra, number)
    if message is None:
        return
    folder = folder_with(tmp_path_factory, POLICY.model_copy(update={"approval": "auto"}))
    reply, _ = ask(folder, message)
    experiment = Experiment.model_validate(data)
    allowed = (
        experiment.model.name == "t_cnn"
        and experiment.federation.strategy == "fedavg"
        and experiment.federation.rounds <= 2
        and experiment.evaluation.min_class_count >= 8
    )
    if kind == "train":
        allowed = allowed and 1 <= number <= experiment.federation.rounds
    assert (reply is not None) == allowed
    assert ask(folder, message, TODAY + dt.timedelta(days=1))[0] is None
    if reply is not None and kind == "query.handshake":
        told = json.loads(str(reply.content.config_records[wire.ANSWER][wire.COHORT]))
        assert (told["role"], told["results_by_site"]) == ("train", False)


@property_test
@given(records=RECORDS, kind=st.sampled_from(KINDS))
def test_made_up_messages_are_never_answered_but_always_accounted_for(
    tmp_path_factory: pytest.TempPathFactory, records: dict[str, Any], kind: str
) -> None:
    message = question(kind, DECENT)
    message.content.clear()
    message.content.update(records)
    reply, error = ask(folder_with(tmp_path_factory, POLICY), message)
    assert reply is None
    assert error is not None
    refusal = Message(Error(6, "no"), reply_to=message)
    note = outgoing(message, refusal, 10)
    assert (note.kind, note.tensors, note.texts) == ("refusal", {}, {"reason": "no"})


@pytest.mark.parametrize("number", ["1", True, 1.0])
def test_a_round_that_the_ledger_could_not_name_is_not_trained(tmp_path: Path, number: Any) -> None:
    folder = make_site(tmp_path, Policy(approval="auto"))
    weights = np.zeros(Layout(build(DECENT.model, DECENT.preprocessing).state_dict()).size, "f4")
    reply, error = ask(folder, question("train", DECENT, weights, round=number))
    assert reply is None
    assert isinstance(error, DataError)


@pytest.mark.parametrize(("kind", "work"), [("train", "train_round"), ("evaluate", "score")])
def test_what_was_computed_while_the_site_withdrew_does_not_leave(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, work: str
) -> None:
    folder = make_site(tmp_path, Policy(approval="auto"))
    module = session_module if kind == "train" else scorer_module
    real, approvals = getattr(module, work), Approvals(folder.approvals)

    def withdrawn_meanwhile(*args: Any, **options: Any) -> Any:
        done = real(*args, **options)
        approvals.decide(DECENT.digest(), "withdrawn")
        return done

    monkeypatch.setattr(module, work, withdrawn_meanwhile)
    weights = np.zeros(Layout(build(DECENT.model, DECENT.preprocessing).state_dict()).size, "f4")
    message = question(kind, DECENT, weights, round=1, split="test")
    reply, error = ask(folder, message)
    assert reply is None
    assert isinstance(error, PolicyRefusal)
    assert error.what == "the site has withdrawn from this run"
    monkeypatch.undo()
    approvals.decide(DECENT.digest(), "approved")
    assert ask(folder, message)[0] is not None
