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
    st_ran = next(row for row in rows if row["name"] == "st_ran" and not row["switches"])
    assert st_ran["published"] == "1.43M"
    assert st_ran["parameters"] == 1_429_550
    assert st_ran["equal"] is True
    mvo = next(row for row in rows if row["name"] == "mvo_r2plus1d_bert")
    assert (mvo["published"], mvo["parameters"]) == ("43.72M", 34_765_727)
    assert mvo["inference_parameters"] == 34_456_094
    assert mvo["equal"] is False
    assert "cannot be derived" in mvo["why"]
    assert [row["why"] for row in rows if row["name"] == "i3d"] == [
        "a hidden layer of 256, our choice; 12,288,289 without it"
    ]


def test_the_table_says_what_agrees_and_why_not(app: typer.Typer) -> None:
    output = CliRunner().invoke(app, []).stdout
    assert "1,429,550" in output
    assert output.count("differs") == 2
    assert "the printed count" in output
