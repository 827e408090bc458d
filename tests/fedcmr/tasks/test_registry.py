import pytest

from fedcmr.errors import ConfigurationError
from fedcmr.tasks.registry import task
from fedcmr.tasks.scar import SCAR


def test_the_scar_task_is_found() -> None:
    assert task("scar") is SCAR


def test_an_unknown_task_lists_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match="no task named 'scars'; known: mvo, scar"):
        task("scars")
