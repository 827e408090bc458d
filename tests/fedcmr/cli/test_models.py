import json

import pytest
import typer
from typer.testing import CliRunner

from fedcmr.cli.models import models_command


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer()
    app.command()(models_command)
    return app


def test_published_counts_stand_beside_ours(app: typer.Typer) -> None:
    rows = json.loads(CliRunner().invoke(app, ["--json"]).stdout)
    assert [(row["name"], row["published"], row["parameters"]) for row in rows] == [
        ("s_cnn", "0.90M", 902_097),
        ("t_cnn", "0.38M", 375_249),
        ("st_cnn", "1.38M", 1_384_129),
        ("ast_cnn", "1.42M", 1_418_058),
        ("st_ran", "1.43M", 1_429_550),
    ]
    assert rows[-1]["parameters_true_4d"] == 1_425_518


def test_the_table_says_that_they_agree(app: typer.Typer) -> None:
    output = CliRunner().invoke(app, []).stdout
    assert output.count("equal") == 5
    assert "1,429,550" in output
