import math
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from dicom_files import cine, heart, write
from export_files import of

from fedcmr.data.store import open_dataset
from fedcmr.errors import CheckFailed, DataError
from fedcmr.inference import predict as module
from fedcmr.inference.predict import predict, score
from fedcmr.inference.result import Predictions
from fedcmr.ingest.export import ingest_export
from fedcmr.release.open import OpenRelease, open_release
from fedcmr.types import StoredCine

Signed = tuple[Path, Path]


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[StoredCine]]:
    """The arrays that the release is asked to score."""
    arrays: list[StoredCine] = []

    def keep(release: OpenRelease, stored: StoredCine) -> tuple[float, ...]:
        arrays.append(stored.copy())
        return score(release, stored)

    monkeypatch.setattr(module, "score", keep)
    return arrays


def _trained_on(export: Path, out: Path, release: Path) -> list[bytes]:
    """Ingest with the preprocessing of the release; return the arrays, sorted."""
    ingest_export(
        dicom=export,
        labels=None,
        out=out,
        preprocessing=open_release(release).experiment.preprocessing,
        key=b"k" * 32,
        workers=1,
    )
    dataset = open_dataset(out)
    return sorted(np.asarray(dataset.load(record)).tobytes() for record in dataset.records)


def test_preparation_is_that_of_training_to_the_bit(
    tmp_path: Path, signed: Signed, export: Path, seen: list[StoredCine]
) -> None:
    predict(signed[0], export, tmp_path / "out", workers=1)
    trained = _trained_on(export, tmp_path / "dataset", signed[0])
    assert len(trained) == 2
    assert sorted(array.tobytes() for array in seen) == trained
    assert len(set(trained)) == 2


def test_preparation_is_that_of_training_to_the_bit_on_real_studies(
    tmp_path: Path, signed: Signed, real_data: Path, seen: list[StoredCine]
) -> None:
    export = real_data / "scd"
    predictions = predict(signed[0], export, tmp_path / "out", workers=1)
    assert predictions.scored == 3
    assert sorted(array.tobytes() for array in seen) == _trained_on(
        export, tmp_path / "dataset", signed[0]
    )


def test_every_study_has_a_score_or_a_reason(predictions: tuple[Predictions, Path]) -> None:
    rows = {study.folder: study for study in predictions[0].studies}
    assert sorted(rows) == ["ward/anna", "ward/bert", "ward/carl", "ward/dora"]
    for folder in ("ward/anna", "ward/bert"):
        value = rows[folder].score
        assert value is not None
        assert 0 < value < 1
        assert rows[folder].reason is None
    for folder, reason in (("ward/carl", "blank"), ("ward/dora", "late gadolinium")):
        assert rows[folder].score is None
        assert rows[folder].label is None
        assert reason in str(rows[folder].reason)
    assert predictions[0].scored == 2
    assert rows["ward/anna"].study_instance_uid == "1.2.1"


def test_a_score_is_that_of_the_network(
    signed: Signed, predictions: tuple[Predictions, Path], export: Path, tmp_path: Path
) -> None:
    opened = open_release(signed[0])
    _trained_on(export, tmp_path / "dataset", signed[0])
    dataset = open_dataset(tmp_path / "dataset")
    expected = []
    for record in dataset.records:
        intensity = torch.from_numpy(np.asarray(dataset.load(record)).astype(np.float32) / 65535)
        expected.append(torch.sigmoid(opened.model(intensity[None])).item())
    scores = [study.score for study in predictions[0].studies if study.score is not None]
    assert sorted(scores) == pytest.approx(sorted(expected), abs=1e-6)


def test_the_threshold_itself_is_positive(
    tmp_path: Path, signed: Signed, export: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threshold = open_release(signed[0]).threshold
    values = iter([threshold, math.nextafter(threshold, 0)])
    monkeypatch.setattr(module, "score", lambda *_: (next(values),))
    labels = {s.folder: s.label for s in predict(signed[0], export, tmp_path, workers=1).studies}
    assert (labels["ward/anna"], labels["ward/bert"]) == ("scar", "no scar")


def test_what_is_no_number_is_not_printed(
    tmp_path: Path, signed: Signed, export: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "score", lambda *_: (float("nan"),))
    predictions = predict(signed[0], export, tmp_path, workers=1)
    assert predictions.scored == 0
    assert predictions.studies[0].reason == "the model gives no number"


def test_twice_gives_the_same_bytes(
    tmp_path: Path, signed: Signed, export: Path, predictions: tuple[Predictions, Path]
) -> None:
    predict(signed[0], export, tmp_path, public_key=signed[1], workers=1)
    for path in predictions[1].iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()


def test_a_score_does_not_depend_on_the_other_studies(
    tmp_path: Path, signed: Signed, predictions: tuple[Predictions, Path]
) -> None:
    write(tmp_path / "alone", cine(heart(seed=2), change=of("P2", "1.2.2")))
    alone = predict(signed[0], tmp_path / "alone", tmp_path / "out", workers=1)
    assert alone.studies[0].score == predictions[0].studies[1].score


def test_a_changed_release_is_not_used(tmp_path: Path, signed: Signed, export: Path) -> None:
    release = Path(shutil.copytree(signed[0], tmp_path / "release"))
    with (release / "report.html").open("a") as file:
        file.write(" ")
    with pytest.raises(CheckFailed, match=r"^report\.html differs"):
        predict(release, export, tmp_path / "out", public_key=signed[1], workers=1)
    assert not (tmp_path / "out").exists()


def test_an_empty_export(tmp_path: Path, signed: Signed) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no files"):
        predict(signed[0], tmp_path / "empty", tmp_path / "out", workers=1)
