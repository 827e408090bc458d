"""`fedcmr audit`: what it prints, and when it fails. The attacks are tested beside their code."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from typer.testing import CliRunner, Result

from fedcmr.audit.attack import Attack
from fedcmr.audit.membership import Audit
from fedcmr.cli.audit import audit_command
from fedcmr.config import Preprocessing
from fedcmr.data.record import COLUMNS, parse_row
from fedcmr.data.store import write_dataset
from fedcmr.errors import CheckFailed
from fedcmr.evaluation.results import Estimate
from fedcmr.release.description import Description
from fedcmr.settings import load_settings

ATTACK = Attack(
    name="loss threshold",
    members=40,
    others=20,
    auc=Estimate(value=0.61, low=0.5, high=0.7),
    tpr=Estimate(value=0.05, low=0.01, high=0.17),
    least_epsilon=0.4,
)
OPEN = Audit((ATTACK,), None, 1e-5)


@pytest.fixture
def run(signed: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    write_dataset(tmp_path / "data", [], {}, Preprocessing(), phantom=True)
    app = typer.Typer()
    app.command()(audit_command)

    def invoke(found: Audit, *options: str) -> Result:
        monkeypatch.setattr("fedcmr.audit.membership.audit", lambda *_, **__: found)
        arguments = [str(signed[0]), "--data", str(tmp_path / "data"), *options]
        return CliRunner().invoke(app, arguments)

    return invoke


def test_the_table_has_rates_with_intervals(run: Any, signed: tuple[Path, Path]) -> None:
    result = run(OPEN, "--key", str(signed[1]))
    assert result.exit_code == 0
    assert "0.610 (0.500-0.700)" in result.stdout
    assert "0.050 (0.010-0.170)" in result.stdout
    assert "40 training patients against 20 others" in result.stdout
    assert "no differential privacy" in result.stdout


def test_a_private_release_states_its_bound(run: Any) -> None:
    result = run(replace(OPEN, epsilon=1.0), "--json")
    content = json.loads(result.stdout)
    assert content["private"]["largest_tpr"] == pytest.approx(0.0272, abs=1e-4)
    assert content["attacks"][0]["tpr"] == {"value": 0.05, "low": 0.01, "high": 0.17}
    assert json.loads(run(OPEN, "--json").stdout)["private"] is None


def test_more_than_epsilon_allows_fails(run: Any) -> None:
    result = run(replace(OPEN, epsilon=0.3))
    assert isinstance(result.exception, CheckFailed)
    assert "proves epsilon 0.4, the experiment states 0.3" in str(result.exception)


def test_a_real_attack_on_a_real_release(signed: tuple[Path, Path], tmp_path: Path) -> None:
    shape = load_settings(signed[0] / "model.yaml", Description).experiment.preprocessing
    records, arrays = [], {}
    for number in range(10):
        name, split = f"{number:04x}", ("train", "test")[number % 2]
        row = dict.fromkeys(COLUMNS, "1") | {"study": name, "patient": name, "split": split}
        row |= {"sex": "F", "aetiology": "none", "scar": str(number // 2 % 2), "mvo": ""}
        records.append(parse_row(row, where="test"))
        noise = np.random.default_rng(number).integers(0, 65536, (4, 4, 16, 16))
        arrays[name] = noise.astype(np.uint16)
    write_dataset(tmp_path / "data", records, arrays, shape, phantom=True)
    app = typer.Typer()
    app.command()(audit_command)
    options = ["--data", str(tmp_path / "data"), "--shadows", "2", "--epochs", "1", "--json"]
    result = CliRunner().invoke(app, [str(signed[0]), *options])
    assert result.exit_code == 0, result.exception
    attacks = json.loads(result.stdout)["attacks"]
    assert [attack["name"] for attack in attacks] == ["loss threshold", "likelihood ratio"]
    assert all(attack["members"] == attack["others"] == 5 for attack in attacks)
    assert all(attack["least_epsilon"] == 0 for attack in attacks)
