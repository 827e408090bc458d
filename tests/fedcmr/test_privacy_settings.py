"""The privacy section: strict about noise, and about what would pass by it."""

from typing import Any

import pytest

from fedcmr.config import Experiment
from fedcmr.errors import ConfigurationError
from fedcmr.settings import parse_settings

SIGMA = {"mechanism": "dp_sgd", "noise_multiplier": 1.0}
LAST = {"select": "last"}


def experiment(**sections: Any) -> Experiment:
    return parse_settings({"name": "e", **sections}, Experiment, where="e.yaml")


def test_no_privacy_by_default() -> None:
    assert not experiment().privacy.private


def test_noise_by_multiplier_or_by_target() -> None:
    assert experiment(privacy=SIGMA, federation=LAST).privacy.private
    target = {"mechanism": "dp_sgd", "target_epsilon": 8, "accountant": "prv"}
    assert experiment(privacy=target, federation=LAST).privacy.target_epsilon == 8


@pytest.mark.parametrize(
    ("sections", "says"),
    [
        ({"privacy": {"mechanism": "dp_sgd"}}, "either noise_multiplier or target_epsilon"),
        ({"privacy": SIGMA | {"target_epsilon": 3}}, "either noise_multiplier or target_epsilon"),
        ({"privacy": {"noise_multiplier": 1}}, "need mechanism: dp_sgd"),
        ({"privacy": {"target_epsilon": 1}}, "need mechanism: dp_sgd"),
        ({"privacy": SIGMA | {"delta": 0}}, "privacy.delta"),
        ({"privacy": SIGMA | {"max_grad_norm": 0}}, "privacy.max_grad_norm"),
        ({"privacy": SIGMA | {"accountant": "gdp"}}, "privacy.accountant"),
        ({"privacy": SIGMA | {"noise": 1}}, "unknown key"),
        ({"privacy": SIGMA, "federation": {}}, "select: last"),
        ({"privacy": SIGMA, "model": {"norm": "batch"}}, "model.norm: group"),
        ({"privacy": SIGMA, "training": {"precision": "fp16"}}, "fp16"),
    ],
)
def test_what_is_refused(sections: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigurationError, match=says) as caught:
        experiment(**{"federation": LAST} | sections)
    assert "\n" not in str(caught.value)
