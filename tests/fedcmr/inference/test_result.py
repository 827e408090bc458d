import csv
import json
from dataclasses import replace
from pathlib import Path

from fedcmr.inference.result import CSV, JSON, Predictions, as_csv, as_json


def test_the_table_has_a_line_per_study(predictions: tuple[Predictions, Path]) -> None:
    with (predictions[1] / CSV).open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["study"] for row in rows] == ["1", "2", "3", "4"]
    assert [row["study_instance_uid"] for row in rows] == ["1.2.1", "1.2.2", "1.2.3", "1.2.4"]
    for row, study in zip(rows, predictions[0].studies, strict=True):
        assert row["score"] == ("" if study.score is None else repr(study.score))
        assert row["class"] == (study.label or "")
        assert bool(row["reason"]) == (row["score"] == "")


def test_the_object_says_the_same_and_what_was_excluded(
    predictions: tuple[Predictions, Path],
) -> None:
    content = json.loads((predictions[1] / JSON).read_text())
    assert [row["score"] for row in content["studies"]] == [
        study.score for study in predictions[0].studies
    ]
    assert content["release"]["signature_verified"] is True
    assert content["release"]["phantom"] is True
    assert content["labels"] == ["no scar", "scar"]
    assert {"broken"} in [set(row["files"]) for row in content["exclusions"]]
    assert "lge" in {row["code"] for row in content["exclusions"]}


def test_names_that_are_no_text_do_not_end_the_run(
    predictions: tuple[Predictions, Path],
) -> None:
    odd = replace(predictions[0].studies[0], folder='ward/b\udcf6rg, "x"')
    changed = replace(predictions[0], studies=(odd,))
    assert b'"ward/b\xf6rg, ""x"""' in as_csv(changed)
    assert json.loads(as_json(changed))["studies"][0]["folder"] == odd.folder
