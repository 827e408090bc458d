import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from fedcmr.cli.reproduce import reproduce_command
from fedcmr.errors import FedcmrError, UsageError


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer()
    app.command()(reproduce_command)
    return app


def test_all_that_was_printed_and_its_findings(app: typer.Typer) -> None:
    output = CliRunner().invoke(app, ["all", "--published-only"]).stdout
    for number in range(1, 12):
        assert output.count(f"## R{number}. ") == 1
    for words in (
        "| ST-RAN   | .84 | .90         | .60         | .72 | 1.43M      |",
        "F1 printed 53.91; TP 25, FN 19, FP 25 give 53.19",
        "F1 printed .71; TP 165 to 166, FN 33 to 34, FP 95 to 97 give .72",
        "it counts false negatives",
        "Attention in the released code is constant",
        "141 checks: agrees 129, cut off 7, last digit 1, contradiction 4",
    ):
        assert words in output


def test_files_of_what_was_printed(app: typer.Typer, tmp_path: Path) -> None:
    result = CliRunner().invoke(
        app, ["R9", "--published-only", "--json", "--out", str(tmp_path / "out")]
    )
    assert json.loads(result.stdout)["R9"]["rows"][0]["icc"] == ".77"
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"R9.csv", "R9.md", "R9.tex"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["R12"], "no table 'R12'; choose R1, R2"),
        (["R1"], "--data and --out are missing"),
        (["R1", "--published-only", "--budget", "1m"], "trains nothing"),
        (["R7", "--data", "d", "--out", "o"], "no network for R7"),
        (["R1", "--data", "d", "--out", "o"], "no complete data set"),
        (["R1", "--data", "d", "--out", "o", "--budget", "soon"], "is no time"),
    ],
)
def test_wrong_use_is_refused(app: typer.Typer, arguments: list[str], words: str) -> None:
    result = CliRunner().invoke(app, arguments)
    assert isinstance(result.exception, FedcmrError)
    assert words in str(result.exception)
    if "data set" not in words:
        assert isinstance(result.exception, UsageError)
