import pytest

from fedcmr import errors


def test_exit_codes_are_those_of_the_manual() -> None:
    codes = {
        name: kind.exit_code
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, errors.FedcmrError)
    }
    assert codes == {
        "FedcmrError": 1,
        "CheckFailed": 1,
        "UsageError": 2,
        "ConfigurationError": 3,
        "DataError": 4,
        "NetworkError": 5,
        "PolicyRefusal": 6,
        "PartialRun": 7,
    }


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ({}, "no route"),
        ({"where": "/data"}, "no route (/data)"),
        ({"fix": "look"}, "no route; look"),
        ({"where": "/data", "fix": "look"}, "no route (/data); look"),
    ],
)
def test_a_message_is_one_line(arguments: dict[str, str], line: str) -> None:
    assert str(errors.DataError("no\n  route", **arguments)) == line


def test_what_may_leave_a_site_has_no_path() -> None:
    assert errors.DataError("no file", where="/data/secret", fix="look").what == "no file"
