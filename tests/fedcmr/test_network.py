import pytest

from fedcmr.errors import ConfigurationError
from fedcmr.network import ModelSettings
from fedcmr.settings import parse_settings


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"zzz": 3}, r"unknown key 'zzz'.*known keys: attention, axis_order"),
        ({"name": "resnet"}, r"name: Input should be 's_cnn'"),
    ],
)
def test_an_unknown_switch_or_network_is_refused(given: dict[str, object], line: str) -> None:
    with pytest.raises(ConfigurationError, match=line):
        parse_settings(given, ModelSettings, where="test")
