import json
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from fedcmr.cli.evaluate import evaluate_command
from fedcmr.errors import DataError


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer()
    app.command()(evaluate_command)
    return app


def _write(path: Path, seed: int, shift: float = 1.5) -> str:
    rng = np.random.default_rng(seed)
    lines = ["study,label,score,vendor,sex"]
    for number in range(120):
        label = number % 3 == 0
        score = 1 / (1 + np.exp(-rng.normal(shift * label - 0.5, 1)))
        vendor = ("GE", "[b]S")[number % 2]
        lines.append(f"{number},{int(label)},{score:.6f},{vendor},{'FM'[number % 5 > 2]}")
    path.write_text("\n".join([*lines, "120,,0.5,GE,F"]))
    return str(path)


def test_results_are_shown(app: typer.Typer, tmp_path: Path) -> None:
    first, second = _write(tmp_path / "a.csv", 1), _write(tmp_path / "b.csv", 2, 0.2)
    arguments = ["--predictions", first, "--predictions", second, "--strata", "vendor"]
    result = CliRunner().invoke(app, [*arguments, "--strata", "vendor+sex"])
    assert result.exit_code == 0, result.output
    for words in (
        "all", "vendor: GE", "[b]S", "calibration: slope", "optimistic",
        "paired DeLong", "1 lines without a score or a label", "rule out",
    ):  # fmt: skip
        assert words in result.stdout


def test_json_holds_everything(app: typer.Typer, tmp_path: Path) -> None:
    arguments = ["--predictions", _write(tmp_path / "a.csv", 1), "--threshold", "0.44", "--json"]
    result = CliRunner().invoke(app, arguments)
    content = json.loads(result.stdout)
    assert content["overall"]["n"] == 120
    assert content["overall"]["auc"]["bound"] == 0
    assert content["thresholds"] == [{"name": "given", "value": 0.44, "rule": "given"}]
    assert content["left_out"] == 1


def test_a_wrong_file_is_refused(app: typer.Typer, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("study,score\n1,0.5\n")
    result = CliRunner().invoke(app, ["--predictions", str(path)])
    assert isinstance(result.exception, DataError)
    assert "no column label" in str(result.exception)
