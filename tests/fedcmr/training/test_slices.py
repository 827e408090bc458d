"""Training on slices with masks: what the coarse-mask branch adds to a round."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from fedcmr.config import Preprocessing, TrainingSettings
from fedcmr.data.store import Dataset, write_dataset
from fedcmr.models.registry import TRAINING_ONLY, build
from fedcmr.network import ModelSettings
from fedcmr.tasks.mvo import MVO_TASK, map_loss, map_targets
from fedcmr.training.local import train_round
from fedcmr.training.scoring import score

CPU = torch.device("cpu")
SHAPE = Preprocessing(slices=1, phases=8, size=32, margin=8)
TINY = ModelSettings(name="mvo_r2plus1d_bert", width=0.04, grid=4)
LABELS = ((0, None, 1), (1, 0), (None, None))
SGD = TrainingSettings(optimizer="sgd", learning_rate=0.1, batch_size=8, augment="none")


@pytest.fixture
def dataset(tmp_path: Path, make_study: Callable[..., object]) -> Dataset:
    """Three studies of 3, 2 and 2 slices; four slices are labelled; a bright square is MVO."""
    rng = np.random.default_rng(0)
    records, arrays, masks = [], {}, {}
    for number, labels in enumerate(LABELS):
        record = make_study(number, labels)
        mask = np.zeros((len(labels), 40, 40), np.uint8)
        for z, label in enumerate(labels):
            mask[z, 12:20, 12:20] = 2 if label else 3
        cine = rng.integers(0, 20_000, (len(labels), 8, 40, 40))
        cine += 40_000 * (mask == 2)[:, None]
        records.append(record)
        arrays[record.study], masks[record.study] = cine.astype(np.uint16), mask
    return write_dataset(tmp_path / "set", records, arrays, SHAPE, phantom=True, masks=masks)


def model(**switches: object) -> nn.Module:
    torch.manual_seed(1)
    made = build(TINY.model_copy(update=switches), SHAPE)
    for module in made.modules():
        if isinstance(module, nn.Dropout | nn.Dropout2d):
            module.p = 0.0
    return made


def test_one_step_is_the_gradient_of_both_losses(dataset: Dataset) -> None:
    trained, plain = model(), model()
    settings = SGD.model_copy(update={"map_weight": 0.3})
    result = train_round(trained, MVO_TASK, dataset, settings, start_step=0, epochs=1, device=CPU)
    places = [(0, 0), (0, 2), (1, 0), (1, 1)]
    records = dataset.records
    x = torch.stack(
        [torch.tensor(dataset.load(records[s])[z : z + 1, :, 4:-4, 4:-4]) for s, z in places]
    )
    masks = torch.stack(
        [torch.tensor(dataset.load_mask(records[s])[z, 4:-4, 4:-4]) for s, z in places]
    )
    y = torch.tensor([0.0, 1.0, 1.0, 0.0])
    logits, maps = plain.forward_with_map(x.float() / 65535)  # type: ignore[operator]  # a method of this network
    loss = map_loss(logits, maps, y, map_targets(masks, 4), weight=0.3).mean()
    loss.backward()
    with torch.no_grad():
        for parameter in plain.parameters():
            parameter.sub_(parameter.grad, alpha=0.1)
    assert (result.examples, result.steps) == (4, 1)
    assert result.loss == pytest.approx(loss.item(), rel=1e-5)
    for ours, theirs in zip(trained.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)


def test_lambda_of_zero_leaves_the_branch_alone(dataset: Dataset) -> None:
    trained, before = model(), model()
    settings = SGD.model_copy(update={"map_weight": 0.0})
    train_round(trained, MVO_TASK, dataset, settings, start_step=0, epochs=1, device=CPU)
    fresh = dict(before.named_parameters())
    for name, parameter in trained.named_parameters():
        if name.startswith(TRAINING_ONLY):
            assert torch.equal(parameter, fresh[name])


def test_augmented_training_repeats_and_differs(dataset: Dataset) -> None:
    def run(augment: str) -> list[torch.Tensor]:
        trained = model()
        settings = SGD.model_copy(update={"augment": augment})
        train_round(trained, MVO_TASK, dataset, settings, start_step=0, epochs=1, device=CPU)
        return [parameter.detach() for parameter in trained.parameters()]

    first, second, without = run("mvo"), run("mvo"), run("none")
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(first, without, strict=True))


def test_steps_are_counted_over_rounds_until_the_last_of_the_schedule(dataset: Dataset) -> None:
    """Batches of 2 of 4 slices: a round of one epoch is two steps."""
    settings = TrainingSettings(
        optimizer="adamw",
        learning_rate=0.01,
        schedule="polynomial",
        total_steps=4,
        batch_size=2,
    )
    trained, changed = model(), []
    for number in range(3):
        before = [parameter.detach().clone() for parameter in trained.parameters()]
        step = 2 * number
        train_round(trained, MVO_TASK, dataset, settings, start_step=step, epochs=1, device=CPU)
        pairs = zip(before, trained.parameters(), strict=True)
        changed.append(any(not torch.equal(a, b) for a, b in pairs))
    assert changed == [True, True, False]


def test_scores_are_of_slices_with_the_strata_of_their_patient(dataset: Dataset) -> None:
    found = score(model(cgmr=False), MVO_TASK, dataset, "train", device=CPU)
    assert found.labels.tolist() == [0, 1, 1, 0]
    assert [record.patient for record in found.records] == ["0000", "0000", "0001", "0001"]
