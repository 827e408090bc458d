import pytest

from fedcmr.config import Preprocessing
from fedcmr.errors import UsageError
from fedcmr.network import ModelSettings
from fedcmr.reproduce.published import Ours, published
from fedcmr.reproduce.recipe import full_size, make_recipe, parse_budget, reductions

SCAR, MVO = Preprocessing(), Preprocessing(slices=1, phases=30, size=64, margin=8)
SMALL = Preprocessing(slices=10, phases=20, size=32, spacing_mm=2.5)
FULL = Ours(model=ModelSettings(name="mvo_r2plus1d_bert"))


def _ours(key: str, label: str) -> Ours:
    ours = published()[key].row(label).ours
    assert ours is not None
    return ours


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("10m", 600), ("1.5h", 5400)])
def test_a_budget_is_a_time(text: str, seconds: float) -> None:
    assert parse_budget(text) == seconds


@pytest.mark.parametrize("text", ["10", "ten", "0m", "-1m", "10 m", "1d", ""])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is no time"):
        parse_budget(text)


def test_as_published_without_a_budget() -> None:
    recipe = make_recipe(_ours("R1", "ST-RAN"), "scar", SCAR, 2000)
    training = recipe.experiment.training
    assert (training.optimizer, training.learning_rate, training.batch_size) == ("adam", 1e-4, 64)
    assert (training.epochs, training.patience, recipe.seconds) == (500, 70, None)
    assert (
        make_recipe(_ours("R1", "3D-CNN"), "scar", SCAR, 2000).experiment.training.batch_size == 8
    )
    assert reductions([recipe]) == ()


def test_eight_thousand_steps_of_sixteen_for_mvo() -> None:
    training = make_recipe(_ours("R6", "0.1"), "mvo", MVO, 550).experiment.training
    assert training.optimizer == "adamw"
    assert (training.warmup_steps, training.total_steps, training.batch_size) == (1500, 8000, 16)
    assert training.epochs == training.patience == 229  # of 35 steps
    assert training.map_weight == 0.1
    assert training.augment == "mvo"
    without = make_recipe(_ours("R4", "CGMR"), "mvo", MVO, 550).experiment.training
    assert (without.optimizer, without.learning_rate) == ("sgd", 1e-2)


def test_a_budget_narrows_and_says_so() -> None:
    recipes = [
        make_recipe(_ours("R1", label), "scar", SMALL, 100, seconds=80.0)
        for label in ("S-CNN", "3D-CNN")
    ]
    assert [recipe.experiment.model.width for recipe in recipes] == [1.0, 0.125]
    assert {recipe.seconds for recipe in recipes} == {60.0}
    said = "; ".join(reductions(recipes))
    assert "input 10 x 20 x 32^2" in said
    assert "published 10 x 20 x 128^2" in said
    assert "cnn_3d 0.125" in said
    assert "at most 60 s of training a row" in said


def test_the_time_is_part_of_a_recipe_and_the_table_is_not() -> None:
    short, long = (make_recipe(FULL, "mvo", MVO, 9, seconds=s) for s in (10.0, 20.0))
    assert short.digest() != long.digest()
    rows = [_ours("R3", "proposed"), _ours("R4", "BERT and CGMR"), _ours("R5", "16")]
    assert {make_recipe(ours, "mvo", MVO, 9).digest() for ours in rows} == {
        make_recipe(_ours("R6", "0.05"), "mvo", MVO, 9).digest()
    }


def test_counts_are_of_the_published_size() -> None:
    assert full_size(FULL.model, "mvo") == 34_765_727
    assert full_size(_ours("R1", "ST-RAN").model, "scar") == 1_429_550
    assert full_size(_ours("R4", "none").model, "mvo") == 31_300_125 + 513
