import csv
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fedcmr.data.store import Dataset
from fedcmr.drill.process import until
from fedcmr.errors import ConfigurationError, DataError
from fedcmr.evaluation.results import Threshold
from fedcmr.models.registry import build
from fedcmr.reproduce import tables
from fedcmr.reproduce.recipe import TRAINING_SHARE, Recipe
from fedcmr.reproduce.run import RESULT, RUNS, RunResult
from fedcmr.reproduce.sheet import Sheet
from fedcmr.reproduce.tables import Reproduction, printed
from fedcmr.training.centralised import CHECKPOINT, HISTORY

HOUR = 3600.0
EPOCHS = 8
"""Enough for a kill to fall between two of them."""


def _run(dataset: Dataset, out: Path, key: str = "R6", **more: Any) -> Sheet:
    [sheet] = Reproduction([key], {"mvo": dataset}, out, **({"budget": HOUR} | more)).run()
    return sheet


def _results(out: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in out.glob(f"{RUNS}/*/{RESULT}")}


def test_a_killed_run_goes_on_where_it_was(make_mvo: Any, tmp_path: Path) -> None:
    dataset, killed = make_mvo(), tmp_path / "killed"
    command = "from fedcmr.cli.main import main; main()"
    limits = ("--budget", "1h", "--epochs", str(EPOCHS))
    arguments = ("reproduce", "R6", "--data", str(dataset.path), "--out", str(killed), *limits)
    with subprocess.Popen([sys.executable, "-c", command, *arguments]) as process:
        # The first row is finished, and the second has ended an epoch.
        until(lambda: bool(_results(killed)) and bool(_begun(killed)), "a row", patience_s=120)
        os.kill(process.pid, signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    before, [begun] = _results(killed), _begun(killed)
    assert len(before) < 3
    halfway = (begun / HISTORY).read_text().splitlines()
    sheet = _run(dataset, killed, epochs=EPOCHS)
    after = _results(killed)
    assert len(after) == 3
    assert all(after[path] == content for path, content in before.items())
    assert (begun / HISTORY).read_text().splitlines()[: len(halfway)] == halfway
    assert list(killed.glob(f"{RUNS}/*/{CHECKPOINT}")) == []
    whole = _run(dataset, tmp_path / "whole", epochs=EPOCHS)
    assert sheet == whole
    assert (killed / "R6.csv").read_bytes() == (tmp_path / "whole" / "R6.csv").read_bytes()


def _begun(out: Path) -> list[Path]:
    """Return the folders of rows that have ended an epoch and have no result."""
    folders = [path.parent for path in out.glob(f"{RUNS}/*/{HISTORY}")]
    return [folder for folder in folders if not (folder / RESULT).exists()]


def test_ours_stand_below_the_published_rows(make_mvo: Any, tmp_path: Path) -> None:
    sheet = _run(make_mvo(), tmp_path / "out", epochs=1)
    assert sheet.stamp.startswith("PHANTOM")
    assert any("those of one patient count as independent" in note for note in sheet.notes)
    assert "ours is reduced: passes of a row at most: 1" in sheet.notes
    assert [line[:3] for line in sheet.lines[:2]] == [
        ("0.01", "published", "130 (44)"),
        ("0.01", "ours", "4 (2)"),
    ]
    with (tmp_path / "out" / "R6.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["side"] == "ours"]
    assert [row["status"] for row in rows] == ["run"] * 3
    assert {row["stamp"] for row in rows} == {"PHANTOM"}
    assert {int(row["steps"]) for row in rows} == {1}
    assert rows[0]["delong_p"] == rows[0]["mcnemar_p"] == ""
    for row in rows[1:]:
        assert 0 <= float(row["delong_p"]) <= 1
        assert 0 <= float(row["mcnemar_p"]) <= 1
        assert float(row["auc_low"]) <= float(row["auc"]) <= float(row["auc_high"])


def test_tables_share_runs_and_all_rows_the_budget(
    make_mvo: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipes = []

    def noted(recipe: Recipe, dataset: Dataset, out: Path) -> RunResult:
        recipes.append(recipe)
        return _only_built(recipe, dataset, out)

    monkeypatch.setattr(tables, "run", noted)
    list(Reproduction(["R4", "R6"], {"mvo": make_mvo()}, tmp_path, budget=HOUR).run())
    assert len(recipes) == 4 + 3
    assert len({recipe.digest() for recipe in recipes}) == 4 + 2
    assert {recipe.seconds for recipe in recipes} == {TRAINING_SHARE * HOUR / 6}


def test_rows_that_the_budget_does_not_reach_are_not_run(
    make_mvo: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    true_run = tables.run

    def slow(*arguments: Any) -> RunResult:
        return true_run(*arguments).model_copy(update={"seconds": HOUR})

    monkeypatch.setattr(tables, "run", slow)
    sheet = _run(make_mvo(), tmp_path, epochs=1)
    assert [line[2] for line in sheet.lines[1::2]] == ["4 (2)", "not run", "not run"]
    assert "not run: 0.05, 0.1: the rows before it used the budget up" in sheet.notes


def test_a_row_that_cannot_be_built_is_not_run_and_says_why(
    make_mvo: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "run", _only_built)
    reproduction = Reproduction(["R3"], {"mvo": make_mvo()}, tmp_path, budget=HOUR)
    [sheet] = reproduction.run()
    assert [note for note in sheet.notes if note.startswith("not run")] == [
        "not run: C3D: c3d needs 16 phases, preprocessing has 8",
        "not run: P3D: p3d needs 16 phases, preprocessing has 8",
    ]
    assert [line[2] for line in sheet.lines[1::2]].count("6 (3)") == 5


def test_strata_are_positive_cases_by_aetiology(
    make_scar: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "run", _only_built)
    [sheet] = Reproduction(["R2"], {"scar": make_scar()}, tmp_path, budget=HOUR).run()
    # Of the first row of each group: n, sensitivity, TP, FN, p.
    assert sheet.lines[1][3:8] == ("2 (2)", "0.500 (0.095 to 0.905)", "1", "1", "-")
    assert sheet.lines[17][3:8] == ("1 (1)", "1.000 (0.207 to 1.000)", "1", "0", "-")
    assert sheet.lines[3][7] == "1.000"
    assert not any(note.startswith("threshold of") for note in sheet.notes)
    assert not any("count as independent" in note for note in sheet.notes)
    assert sheet.stamp == ""


def test_a_threshold_that_was_not_chosen_is_told(
    make_scar: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    middle = Threshold(name="youden", value=0.5, rule="middle: validation lacks a class")

    def lacking(*arguments: Any) -> RunResult:
        return _only_built(*arguments).model_copy(update={"threshold": middle})

    monkeypatch.setattr(tables, "run", lacking)
    [sheet] = Reproduction(["R1"], {"scar": make_scar()}, tmp_path, budget=HOUR).run()
    assert "threshold of ST-RAN: middle: validation lacks a class" in sheet.notes


def _only_built(recipe: Recipe, dataset: Dataset, out: Path) -> RunResult:
    """Stand in for a run: the network is built, its scores are made up."""
    build(recipe.experiment.model, recipe.experiment.preprocessing)
    return RunResult(
        recipe=recipe.digest(),
        dataset=dataset.digest(),
        parameters=1,
        epochs=1,
        steps=1,
        seconds=1.0,
        threshold=Threshold(name="youden", value=0.5, rule="youden"),
        cases=tuple("abcdef"),
        aetiologies=("ischaemic", "ischaemic", "non-ischaemic", "none", "none", "ischaemic"),
        labels=(1, 1, 1, 0, 0, 0),
        scores=(0.9, 0.1, 0.6, 0.2, 0.7, 0.3),
    )


def test_without_a_data_set_of_the_task_rows_are_not_run(make_mvo: Any, tmp_path: Path) -> None:
    [sheet] = Reproduction(["R1"], {"mvo": make_mvo()}, tmp_path).run()
    assert {line[2] for line in sheet.lines[1::2]} == {"not run"}
    assert sheet.stamp == ""


def test_a_test_split_of_one_class_is_refused(make_scar: Any, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no cases of both classes for the task scar"):
        Reproduction(["R1"], {"scar": make_scar(test=(1,))}, tmp_path)


def test_a_result_that_was_changed_is_refused(make_mvo: Any, tmp_path: Path) -> None:
    dataset = make_mvo()
    _run(dataset, tmp_path, epochs=1)
    path = next(iter(_results(tmp_path)))
    path.write_text("{}")
    with pytest.raises(ConfigurationError, match=RESULT):
        _run(dataset, tmp_path, epochs=1)


def test_the_printed_tables_need_no_data() -> None:
    sheets = printed(["R4", "R7"])
    assert [sheet.key for sheet in sheets] == ["R4", "R7"]
    assert any("give 53.19" in note for note in sheets[0].notes)
