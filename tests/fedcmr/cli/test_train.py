import json
from pathlib import Path

import numpy as np
import pytest
import typer
import yaml
from safetensors.torch import load_file
from sklearn.metrics import roc_auc_score
from typer.testing import CliRunner

from fedcmr.cli.train import train_command
from fedcmr.config import Experiment, Preprocessing
from fedcmr.data.record import SPLITS, StudyRecord
from fedcmr.data.store import open_dataset, write_dataset
from fedcmr.errors import ConfigurationError
from fedcmr.models.registry import build
from fedcmr.settings import load_settings
from fedcmr.tasks.scar import SCAR
from fedcmr.training.scoring import score

PREPROCESSING = Preprocessing(slices=2, phases=4, size=16)


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer()
    app.command()(train_command)
    return app


@pytest.fixture
def experiment(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.yaml"
    content = {
        "name": "tiny",
        "preprocessing": {"slices": 2, "phases": 4, "size": 16},
        "training": {"batch_size": 4, "epochs": 3},
        "evaluation": {"min_class_count": 1},
    }
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    records, arrays = [], {}
    for number in range(18):
        name, scar = f"{number:04x}", number // 3 % 2
        records.append(
            StudyRecord(
                study=name,
                patient=name,
                vendor="GE",
                field_strength="3T",
                model="unknown",
                sex="F",
                age_band="50-59",
                aetiology="unknown",
                scar=scar,
                mvo=None,
                split=SPLITS[number % 3],
                slices=10,
                phases=20,
                spacing_mm=1.5,
                slice_distance_mm=8.0,
                rr_ms=900.0,
                flags=(),
            )
        )
        arrays[name] = np.random.default_rng(number).integers(0, 60_000, (2, 4, 16, 16), np.uint16)
    write_dataset(tmp_path / "data", records, arrays, PREPROCESSING, phantom=True)
    return tmp_path / "data"


def test_trains_evaluates_and_goes_on(
    app: typer.Typer, experiment: Path, data: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    arguments = [str(experiment), "--data", str(data), "--out", str(out), "--json"]
    first = CliRunner().invoke(app, [*arguments, "--epochs", "1"], catch_exceptions=False)
    assert json.loads(first.stdout)["epochs"] == 1
    second = CliRunner().invoke(app, arguments, catch_exceptions=False)
    summary = json.loads(second.stdout)
    assert summary["epochs"] == 3
    assert summary["phantom"] is True
    settings = load_settings(experiment, Experiment)
    model = build(settings.model, settings.preprocessing)
    model.load_state_dict(load_file(out / "model.safetensors"))
    test = score(model, SCAR, open_dataset(data), "test")
    assert summary["exact_auc"] == roc_auc_score(test.labels, test.scores)
    written = json.loads((out / "metrics.json").read_text())
    assert written["overall"] == summary["overall"]
    assert abs(written["overall"]["auc"]["value"] - summary["exact_auc"]) <= (
        written["overall"]["auc"]["bound"] + 1e-9
    )
    assert len((out / "history.csv").read_text().splitlines()) == 4


def test_the_terminal_calls_a_phantom_a_phantom(
    app: typer.Typer, experiment: Path, data: Path, tmp_path: Path
) -> None:
    arguments = [str(experiment), "--data", str(data), "--out", str(tmp_path / "out")]
    output = CliRunner().invoke(app, [*arguments, "--epochs", "1"], catch_exceptions=False).stdout
    assert "phantoms prove the machinery" in output
    assert "test: 6 studies, AUC 0." in output


def test_a_data_set_prepared_otherwise_is_refused(
    app: typer.Typer, experiment: Path, data: Path, tmp_path: Path
) -> None:
    content = yaml.safe_load(experiment.read_text())
    content["preprocessing"]["spacing_mm"] = 2.0
    experiment.write_text(yaml.safe_dump(content))
    arguments = [str(experiment), "--data", str(data), "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(app, arguments)
    assert isinstance(result.exception, ConfigurationError)
    assert "ingest again with this experiment" in str(result.exception)
    assert not (tmp_path / "out").exists()


def test_a_private_experiment_is_refused(
    app: typer.Typer, experiment: Path, data: Path, tmp_path: Path
) -> None:
    content = yaml.safe_load(experiment.read_text())
    content["privacy"] = {"mechanism": "dp_sgd", "noise_multiplier": 1.0}
    content["federation"] = {"select": "last"}
    experiment.write_text(yaml.safe_dump(content))
    arguments = [str(experiment), "--data", str(data), "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(app, arguments)
    assert isinstance(result.exception, ConfigurationError)
    assert "no noise protects" in str(result.exception)
    assert not (tmp_path / "out").exists()
