from pathlib import Path

import numpy as np
import pytest
from fedcmr_client.session import Session, open_session

from fedcmr.config import Experiment
from fedcmr.drill.noise import SMALL, noise_dataset
from fedcmr.errors import ConfigurationError, DataError, PolicyRefusal
from fedcmr.federation.contract import contract

EXPERIMENT = Experiment.model_validate(
    {
        "name": "test",
        "model": {"name": "t_cnn"},
        "preprocessing": SMALL.model_dump(),
        "training": {"batch_size": 2, "learning_rate": 1e-3},
        "federation": {"rounds": 2, "quorum": 1},
    }
)
SPLITS = {"train": 4, "validation": 2, "test": 3}


@pytest.fixture
def session(tmp_path: Path) -> Session:
    dataset = noise_dataset(tmp_path, "a", splits=SPLITS, seed=0, preprocessing=SMALL)
    return open_session(EXPERIMENT.canonical_json(), contract(EXPERIMENT).canonical_json(), dataset)


def test_the_cohort_counts_labelled_studies(session: Session) -> None:
    assert session.cohort().model_dump() == SPLITS | {"phantom": True}


def test_a_round_changes_the_weights_and_repeats_to_the_bit(session: Session) -> None:
    start = session.layout.pack(session.model.state_dict())
    one, result = session.train(start, 1)
    again, _ = session.train(start, 1)
    other, _ = session.train(start, 2)
    assert result.examples == SPLITS["train"]
    assert result.steps == 2
    assert np.array_equal(one, again)
    assert not np.array_equal(one, start)
    assert not np.array_equal(one, other)  # another order of studies


def test_sums_cover_the_split(session: Session) -> None:
    weights = session.layout.pack(session.model.state_dict())
    assert session.evaluate(weights, "test").overall.n == SPLITS["test"]


@pytest.mark.parametrize("number", [0, 3, -1])
def test_a_round_that_was_not_agreed_is_refused(session: Session, number: int) -> None:
    with pytest.raises(PolicyRefusal, match=f"no round {number}"):
        session.train(session.layout.pack(session.model.state_dict()), number)


def test_a_split_cannot_be_asked_for_ever(session: Session) -> None:
    weights = session.layout.pack(session.model.state_dict())
    for _ in range(5):
        session.evaluate(weights, "test")
    with pytest.raises(PolicyRefusal, match="test split was evaluated often enough"):
        session.evaluate(weights, "test")
    session.evaluate(weights, "validation")


def test_foreign_weights_are_refused(session: Session) -> None:
    weights = session.layout.pack(session.model.state_dict())
    weights[3] = np.nan
    with pytest.raises(DataError, match="not finite"):
        session.train(weights, 1)


def test_other_code_or_an_unknown_key_is_refused_by_name(tmp_path: Path) -> None:
    dataset = noise_dataset(tmp_path, "a", splits=SPLITS, seed=0, preprocessing=SMALL)
    theirs = contract(EXPERIMENT).model_copy(update={"code_digest": "ab" * 32})
    with pytest.raises(PolicyRefusal, match=r"code digest differs: coordinator abababababab"):
        open_session(EXPERIMENT.canonical_json(), theirs.canonical_json(), dataset)
    text = EXPERIMENT.canonical_json().replace('"rounds"', '"round"')
    with pytest.raises(ConfigurationError, match=r"federation\.round.*did you mean 'rounds'"):
        open_session(text, theirs.canonical_json(), dataset)


def test_a_site_without_a_label_is_refused(tmp_path: Path) -> None:
    dataset = noise_dataset(tmp_path, "a", splits={}, seed=0, preprocessing=SMALL)
    ours = contract(EXPERIMENT).canonical_json()
    with pytest.raises(DataError, match=r"no study of this site is labelled.*ingest again"):
        open_session(EXPERIMENT.canonical_json(), ours, dataset)
