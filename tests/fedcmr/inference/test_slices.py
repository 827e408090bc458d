"""Prediction where a sample is a slice: from the cine alone, without the branch."""

import json
from pathlib import Path

import numpy as np
import pytest
import release_files
import torch
from safetensors import safe_open

from fedcmr.config import Experiment, Preprocessing
from fedcmr.inference.predict import predict, score
from fedcmr.models.registry import TRAINING_ONLY, build
from fedcmr.network import ModelSettings
from fedcmr.release.open import open_release
from fedcmr.release.signing import generate_signing_key

EXPERIMENT = Experiment(
    name="tiny-mvo",
    task="mvo",
    model=ModelSettings(name="mvo_r2plus1d_bert", width=0.04, grid=4),
    preprocessing=Preprocessing(slices=1, phases=8, size=32, margin=8, spacing_mm=3.0),
    training={"augment": "mvo"},
)


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mvo")
    generate_signing_key(folder / "k", folder / "k.pub")
    torch.manual_seed(0)
    state = build(EXPERIMENT.model, EXPERIMENT.preprocessing).state_dict()
    assert any(name.startswith(TRAINING_ONLY) for name in state)
    return release_files.write(folder / "release", folder / "k", state=state, experiment=EXPERIMENT)


def test_the_release_has_no_parameter_of_the_branch(release: Path) -> None:
    with safe_open(release / "model.safetensors", "pt") as file:
        assert not [name for name in file.keys() if TRAINING_ONLY in name]  # noqa: SIM118  # no mapping
    assert open_release(release).description.labels == ("no MVO", "MVO")


def test_a_score_for_each_slice_of_the_middle_crop(release: Path) -> None:
    opened = open_release(release)
    stored = np.random.default_rng(0).integers(0, 65536, (3, 8, 40, 40), dtype=np.uint16)
    x = torch.tensor(stored[:, None, :, 4:-4, 4:-4].astype(np.float32) / 65535)
    with torch.inference_mode():
        wanted = torch.sigmoid(opened.model(x).double())
    assert score(opened, stored) == pytest.approx(wanted.tolist(), abs=1e-6)


def test_a_study_scores_as_its_highest_slice(release: Path, export: Path, tmp_path: Path) -> None:
    found = predict(release, export, tmp_path, workers=1)
    scored = [study for study in found.studies if study.score is not None]
    assert len(scored) == 2
    for study in scored:
        assert len(study.slices) == 6
        assert study.score == max(study.slices)
    content = json.loads((tmp_path / "predictions.json").read_text())
    assert sorted(len(study["slice_scores"]) for study in content["studies"])[-2:] == [6, 6]
    assert " ".join(map(str, scored[0].slices)) in (tmp_path / "predictions.csv").read_text()
