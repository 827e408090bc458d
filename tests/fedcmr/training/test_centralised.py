from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from fedcmr.config import TrainingSettings
from fedcmr.data.samples import Samples
from fedcmr.errors import ConfigurationError, DataError
from fedcmr.tasks.scar import SCAR
from fedcmr.training.centralised import CHECKPOINT, HISTORY, History, train_centralised
from fedcmr.training.trainer import shuffled

CPU = torch.device("cpu")
ROWS = [(i, i % 2, ("train", "train", "validation")[i % 3]) for i in range(12)]
ADAM = TrainingSettings(learning_rate=1e-3, batch_size=4, epochs=6, patience=3)


def run(
    model: Any, dataset: Any, out: Path, settings: TrainingSettings = ADAM, **more: Any
) -> History:
    return train_centralised(
        model, SCAR, dataset, settings, out, **({"fingerprint": "a", "device": CPU} | more)
    )


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_an_interrupted_run_ends_with_the_same_bits(
    make_dataset: Any, make_model: Any, tmp_path: Path, optimizer: str
) -> None:
    def with_dropout() -> nn.Module:
        return nn.Sequential(nn.Dropout(0.3), make_model())

    dataset, straight, resumed = make_dataset("site", ROWS), with_dropout(), with_dropout()
    settings = ADAM.model_copy(update={"optimizer": optimizer, "patience": 100})
    whole = run(straight, dataset, tmp_path / "a", settings)
    run(resumed, dataset, tmp_path / "b", settings, epochs=2)
    again = with_dropout()
    rest = run(again, dataset, tmp_path / "b", settings)
    assert len(whole.epochs) == 6
    assert [e.validation_loss for e in whole.epochs] == [e.validation_loss for e in rest.epochs]
    assert whole.best_epoch == rest.best_epoch
    for first, second in zip(straight.parameters(), again.parameters(), strict=True):
        assert torch.equal(first, second)


def test_a_polynomial_rate_ends_training_with_its_last_step(
    make_dataset: Any, make_model: Any, tmp_path: Path
) -> None:
    settings = ADAM.model_copy(update={"schedule": "polynomial", "total_steps": 3})
    history = run(make_model(), make_dataset("site", ROWS), tmp_path, settings)
    assert [epoch.steps for epoch in history.epochs] == [2, 4]


def test_time_that_is_up_breaks_an_epoch_off_and_it_is_validated(
    make_dataset: Any, make_model: Any, tmp_path: Path
) -> None:
    dataset, model = make_dataset("site", ROWS), make_model()
    samples = Samples(dataset, "train", SCAR.labels, CPU)
    first = shuffled(len(samples), ADAM.seed, 0)[0][: ADAM.batch_size]
    assert len(first) < len(samples)
    with torch.no_grad():
        logits = model.train()(SCAR.input(samples.cines(first)))
    expected = float(SCAR.loss(logits, samples.targets[first]).mean())
    history = run(model, dataset, tmp_path, seconds=0.0)
    assert [epoch.steps for epoch in history.epochs] == [1]
    assert history.epochs[0].train_loss == pytest.approx(expected, abs=1e-6)
    again = run(make_model(), dataset, tmp_path, seconds=history.epochs[0].seconds)
    assert again.epochs == history.epochs
    whole = run(make_model(), dataset, tmp_path, seconds=1e6)
    assert [epoch.steps for epoch in whole.epochs[:2]] == [1, 3]


def test_stops_after_patience_and_returns_the_best_weights(
    make_dataset: Any, make_model: Any, tmp_path: Path
) -> None:
    dataset, model = make_dataset("site", ROWS), make_model()
    unsteady = TrainingSettings(
        optimizer="sgd", learning_rate=1.0, batch_size=2, epochs=40, patience=2
    )
    history = run(model, dataset, tmp_path, unsteady)
    losses = [epoch.validation_loss for epoch in history.epochs]
    assert len(losses) == history.best_epoch + 2 < 40
    assert min(losses) == losses[history.best_epoch - 1]
    from fedcmr.training.scoring import score

    assert float(score(model, SCAR, dataset, "validation").losses.mean()) == min(losses)
    table = (tmp_path / HISTORY).read_text().splitlines()
    assert table[0] == "epoch,steps,train_loss,validation_loss,seconds"
    assert len(table) == len(losses) + 1


def test_another_run_is_refused(make_dataset: Any, make_model: Any, tmp_path: Path) -> None:
    dataset = make_dataset("site", ROWS)
    run(make_model(), dataset, tmp_path, epochs=1)
    with pytest.raises(ConfigurationError, match="another experiment or data set"):
        run(make_model(), dataset, tmp_path, fingerprint="b")


def test_a_damaged_checkpoint_is_refused(
    make_dataset: Any, make_model: Any, tmp_path: Path
) -> None:
    (tmp_path / CHECKPOINT).write_bytes(b"\x08\0\0\0\0\0\0\0{}      ")
    with pytest.raises(DataError, match="checkpoint cannot be read"):
        run(make_model(), make_dataset("site", ROWS), tmp_path)


def test_a_split_without_labels_is_refused(
    make_dataset: Any, make_model: Any, tmp_path: Path
) -> None:
    rows = [(0, 1, "train"), (1, None, "validation")]
    with pytest.raises(DataError, match="no labelled study in the validation split"):
        run(make_model(), make_dataset("site", rows), tmp_path)


def test_divergence_ends_in_one_line(make_dataset: Any, make_model: Any, tmp_path: Path) -> None:
    wild = ADAM.model_copy(update={"optimizer": "sgd", "learning_rate": 1e30})
    with pytest.raises(DataError, match="training diverged"):
        run(make_model(), make_dataset("site", ROWS), tmp_path, wild)
