import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from fedcmr_client import scorer as scorer_module
from fedcmr_client.app import client_app
from fedcmr_client.limits import CALIBRATIONS, COMPARISONS
from fedcmr_client.outbox import kind_of
from fedcmr_client.scorer import Scorer, read_edges, read_line
from fedcmr_client.session import Session
from flwr.app import Array, Context, Message, RecordDict
from site_files import AUTO, PRIVATE, SPLITS, accept, make_site, opened, question, start

from fedcmr.data.store import open_dataset
from fedcmr.errors import DataError, PolicyRefusal
from fedcmr.evaluation.calibration import CalibrationSums
from fedcmr.evaluation.joint import JointSums
from fedcmr.evaluation.sums import EvaluationSums
from fedcmr.federation import messages as wire
from fedcmr.privacy.outbound import Outgoing
from fedcmr.privacy.policy import Policy
from fedcmr.survey.sums import SurveySums
from fedcmr.training.scoring import score


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return accept(make_site(tmp_path))


def test_edges_are_those_that_were_asked_for_within_the_policy(tmp_path: Path) -> None:
    asked = tuple(k / 64 for k in range(1, 64))
    policy = AUTO.model_copy(update={"most_bins": 8})
    coarse = accept(make_site(tmp_path, policy))
    sums = Scorer(coarse).evaluate(start(coarse), "test", asked)
    assert sums.edges == tuple(k / 8 for k in range(1, 8))
    fine = accept(make_site(tmp_path))
    assert Scorer(fine).evaluate(start(fine), "test", asked).edges == asked


def test_what_is_withheld_is_not_told(tmp_path: Path) -> None:
    policy = AUTO.model_copy(update={"withheld_strata": ("sex", "vendor")})
    for policy_now, told in ((AUTO, True), (policy, False)):
        session = accept(make_site(tmp_path, policy_now))
        text = Scorer(session).evaluate(start(session), "test").to_json()
        assert ("Siemens" in text) is told
        assert "1.5T" in text


def test_two_networks_are_compared_on_the_same_studies(session: Session) -> None:
    ours, other = start(session), 0.5 * start(session)
    joint = Scorer(session).compare(ours, other, "test")
    assert joint.n == SPLITS["test"]
    same = Scorer(session).compare(ours, ours, "test")
    assert all(i == j for i, j, _ in (*same.positive.cells, *same.negative.cells))


def test_a_calibration_step_scores_the_same_weights_only_once(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []

    def counted(*args: object, **kwargs: object) -> object:
        calls.append(1)
        return score(*args, **kwargs)

    monkeypatch.setattr(scorer_module, "score", counted)
    scorer, weights = Scorer(session), start(session)
    scorer.evaluate(weights, "test")
    for slope in (1.0, 0.9):
        assert scorer.calibrate(weights, "test", 0.0, slope).n == SPLITS["test"]
    assert len(calls) == 1
    scorer.evaluate(2 * weights, "test")
    assert len(calls) == 2


def ask_to(name: str) -> Callable[[Session, str], object]:
    def ask(session: Session, split: str) -> object:
        weights = start(session)
        more = {"evaluate": (), "compare": (weights,), "calibrate": ()}[name]
        method = getattr(Scorer(session), name)
        if name == "calibrate":
            return method(weights, split, 0.0, 1.0)
        return method(weights, *more, split)

    return ask


@pytest.mark.parametrize(("name", "most"), [("compare", COMPARISONS), ("calibrate", CALIBRATIONS)])
def test_no_kind_of_question_may_be_asked_for_ever(session: Session, name: str, most: int) -> None:
    ask_to(name)(session, "test")
    for number in range(most):
        text = {"n": str(number)}
        session.site.outbound.write(Outgoing(session.run, "t", name, 1, split="test", texts=text))
    with pytest.raises(PolicyRefusal, match="often enough"):
        ask_to(name)(session, "test")
    ask_to(name)(session, "validation")


def test_training_studies_are_scored_for_the_membership_line_only(
    session: Session, tmp_path: Path
) -> None:
    assert ask_to("evaluate")(session, "train").overall.n == SPLITS["train"]
    for name in ("compare", "calibrate"):
        with pytest.raises(PolicyRefusal, match="training studies are not scored"):
            ask_to(name)(session, "train")
    private = accept(make_site(tmp_path), PRIVATE)
    with pytest.raises(PolicyRefusal, match="training studies are not scored"):
        ask_to("evaluate")(private, "train")


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "[0.5, 0.2]", "[0.5, 0.5]", "[0, 0.5]", "[NaN]", '["a"]', "[1e999]"]
)
def test_edges_that_make_no_histogram_are_refused(text: str) -> None:
    with pytest.raises(DataError, match="the coordinator asked"):
        read_edges(text)
    if text != "[0.5, 0.2]":
        return
    assert read_edges("[0.2, 0.5]") == (0.2, 0.5)


@pytest.mark.parametrize("text", ["[1]", "[1, 2, 3]", "[null, 1]", "7", "[" * 9999])
def test_a_line_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(DataError, match="the coordinator asked"):
        read_line(text)
    assert read_line("[0, 1.5]") == (0.0, 1.5)


@pytest.mark.parametrize(
    ("kind", "config", "read"),
    [
        ("evaluate", {"split": "test"}, EvaluationSums.from_json),
        (
            "compare",
            {"split": "test", "edges": "[0.5]", "other_edges": "[0.2, 0.5]"},
            JointSums.from_json,
        ),
        ("calibrate", {"split": "test", "calibrate": "[0.1, 1.0]"}, None),
        ("survey", {}, SurveySums.from_json),
    ],
)
def test_each_question_has_its_answer_and_its_name_in_the_ledger(
    tmp_path: Path, kind: str, config: dict[str, str], read: Callable | None
) -> None:
    folder = make_site(tmp_path, Policy(approval="auto"))
    app = client_app(opened(folder), lambda: open_dataset(folder.dataset))
    weights: np.ndarray = start(accept(folder))
    message: Message = question(
        "query.survey" if kind == "survey" else "evaluate", weights=weights, **config
    )
    if kind == "compare":
        message.content.array_records[wire.ARRAYS][wire.OTHER] = Array(weights)
    assert kind_of(message) == kind
    reply = app(message, Context(1, 1, {}, RecordDict(), {}))
    name = wire.SURVEY if kind == "survey" else wire.SUMS
    text = str(reply.content.config_records[wire.ANSWER][name])
    if read is None:
        assert CalibrationSums.from_json(text, intercept=0.1, slope=1.0, where="one").n == 3
    else:
        found = read(text, where="one")
        assert json.loads(found.canonical_json()) == json.loads(text)
        if kind == "compare":
            assert found.edges == ((0.5,), (0.2, 0.5))
