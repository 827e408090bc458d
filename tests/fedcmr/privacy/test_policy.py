import datetime as dt
from pathlib import Path

import pytest
import yaml

from fedcmr.config import Experiment
from fedcmr.errors import ConfigurationError
from fedcmr.privacy.policy import Policy
from fedcmr.settings import load_settings

DAY = dt.date(2026, 6, 1)
SHIPPED = Path(__file__).parents[3] / "configs" / "policies"
PLAIN = Experiment(name="plain")
PRIVATE = Experiment.model_validate(
    {
        "name": "private",
        "federation": {"select": "last"},
        "privacy": {"mechanism": "dp_sgd", "noise_multiplier": 1.0},
    }
)


def test_without_bounds_everything_is_allowed_but_asked_for() -> None:
    assert Policy().allows(PLAIN, 1, DAY) == []
    assert Policy().approval == "ask"
    assert Policy().per_case_scores == "never"


@pytest.mark.parametrize(
    ("bound", "line"),
    [
        ({"tasks": ["mvo"]}, "task scar is not one of mvo"),
        ({"models": ["t_cnn"]}, "model st_ran is not one of t_cnn"),
        ({"strategies": ["median"]}, "strategy fedavg is not one of median"),
        ({"most_rounds": 49}, "50 rounds are more than 49"),
        ({"smallest_cell": 11}, "min_class_count 10 is below 11"),
        ({"smallest_cohort": 31}, "fewer than 31 patients"),
        ({"require_dp": True}, "differential privacy is required"),
        ({"largest_epsilon": 8}, "differential privacy is required"),
        ({"earliest": "2026-06-02"}, "not before 2026-06-02"),
        ({"latest": "2026-05-31"}, "not after 2026-05-31"),
    ],
)
def test_each_bound_alone_refuses_and_at_its_edge_does_not(bound: dict, line: str) -> None:
    assert Policy.model_validate(bound).allows(PLAIN, 30, DAY) == [line]
    edge = {
        "tasks": ["scar"],
        "models": ["st_ran", "t_cnn"],
        "strategies": ["fedavg"],
        "most_rounds": 50,
        "smallest_cell": 10,
        "smallest_cohort": 30,
        "earliest": DAY,
        "latest": DAY,
    }
    assert Policy.model_validate(edge).allows(PLAIN, 30, DAY) == []
    assert Policy(require_dp=True, largest_epsilon=1).allows(PRIVATE, 30, DAY) == []


def test_a_coordinator_cannot_choose_weaker_chance_where_privacy_is_required() -> None:
    fast = {**PRIVATE.privacy.model_dump(), "secure_random": False}
    weaker = Experiment.model_validate({**PRIVATE.model_dump(), "privacy": fast})
    assert Policy(require_dp=True).allows(weaker, 30, DAY) == ["privacy.secure_random is required"]
    assert Policy().allows(weaker, 30, DAY) == []


def test_every_reason_is_given() -> None:
    policy = Policy(models=("t_cnn",), most_rounds=1, require_dp=True)
    assert len(policy.allows(PLAIN, 30, DAY)) == 3


@pytest.mark.parametrize(
    "wrong",
    [{"per_case_scores": "always"}, {"most_round": 3}, {"approval": "yes"}, {"models": []}],
)
def test_what_a_policy_cannot_say_is_refused(tmp_path: Path, wrong: dict) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(yaml.safe_dump(wrong))
    with pytest.raises(ConfigurationError):
        load_settings(path, Policy)


@pytest.mark.parametrize("name", ["strict", "research"])
def test_the_shipped_policies_are_valid_and_differ_as_they_say(name: str) -> None:
    [policy] = yaml.safe_load((SHIPPED / f"{name}.yaml").read_text()).values()
    refused = Policy.model_validate(policy).allows(PLAIN, 100, DAY)
    assert bool(refused) == (name == "strict")
