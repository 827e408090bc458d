import pytest
from typer.testing import CliRunner

from fedcmr.cli.main import app
from fedcmr.errors import UsageError


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
@pytest.mark.parametrize(
    "command",
    [["evaluate", "--predictions", "a.csv", "--threshold"], ["drill", "network", "--cut"]],
)
def test_what_is_no_number_ends_before_anything_starts(command: list[str], value: str) -> None:
    result = CliRunner().invoke(app, [*command, value])
    assert isinstance(result.exception, UsageError) or result.exit_code == 2
