from pathlib import Path

import pytest

from fedcmr.config import Experiment
from fedcmr.errors import ConfigurationError
from fedcmr.settings import load_settings

SHIPPED = sorted((Path(__file__).parents[2] / "configs" / "experiments").glob("*.yaml"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_experiments_are_accepted(path: Path) -> None:
    assert load_settings(path, Experiment).task == path.stem.partition("_")[0]


def test_there_are_shipped_experiments() -> None:
    assert {path.stem for path in SHIPPED} >= {"scar", "scar_demo", "mvo", "mvo_demo"}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("training: {seed: -1}", r"training\.seed: "),
        ("training: {learning_rate: .nan}", r"training\.learning_rate: "),
        ("federation: {proximal_mu: 0.1}", "fedavg does not use proximal_mu"),
        ("federation: {strategy: fedprox}", "fedprox needs proximal_mu"),
        ("federation: {strategy: fedadam, tau: 1e-3}", "fedadam needs beta_1"),
        ("federation: {strategy: median, byzantine: 1}", "median does not use byzantine"),
        ("federation: {strategy: krum, byzantine: 0}", "byzantine"),
        (
            "federation: {strategy: krum, byzantine: 1, quorum: 4}",
            "krum with byzantine 1 needs a quorum of at least 5",
        ),
        (
            "federation: {strategy: trimmed_mean, byzantine: 2, quorum: 4}",
            "trimmed_mean with byzantine 2 needs a quorum of at least 5",
        ),
        ("federation: {norm_band: 1}", "norm_band"),
        ("task: mvo", "preprocessing.slices is 1 for the task mvo"),
        ("preprocessing: {slices: 1}", "preprocessing.slices is 1 for the task mvo"),
        ("task: mvo\npreprocessing: {slices: 1}\ntraining: {augment: mvo}", "margin to 8"),
        ("task: mvo\npreprocessing: {slices: 1, margin: 8}", "margin to 8"),
        ("task: mvo\npreprocessing: {slices: 1}\ntraining: {augment: flip_rotate}", "masks"),
        ("training: {weight_decay: 0.1}", "adam does not use weight_decay"),
        ("training: {schedule: polynomial}", "total_steps"),
        ("training: {total_steps: 5}", "total_steps"),
        ("training: {schedule: polynomial, total_steps: 5, warmup_steps: 5}", "warmup_steps"),
        ("training: {schedule: polynomial, total_steps: 5, lr_decay: 0.1}", "lr_decay"),
        ("training: {warmup_steps: 5}", "warmup_steps"),
    ],
)
def test_values_that_do_not_fit_each_other_are_refused(
    tmp_path: Path, text: str, line: str
) -> None:
    path = tmp_path / "experiment.yaml"
    path.write_text(f"name: a\n{text}\n")
    with pytest.raises(ConfigurationError, match=line):
        load_settings(path, Experiment)


def test_the_mvo_recipe_is_the_published_one() -> None:
    """Yan et al.: batch 16, AdamW 1e-4, warm-up 1500, polynomial decay, 8000 iterations."""
    training = load_settings(SHIPPED[0].parent / "mvo.yaml", Experiment).training
    assert (training.optimizer, training.learning_rate) == ("adamw", 1e-4)
    assert (training.weight_decay, training.map_weight) == (0.01, 0.05)
    assert (training.schedule, training.warmup_steps) == ("polynomial", 1500)
    assert (training.total_steps, training.batch_size, training.augment) == (8000, 16, "mvo")
