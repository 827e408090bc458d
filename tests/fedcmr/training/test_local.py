"""Rounds on tiny studies; every comparison is with one plain, separate computation."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from fedcmr.config import TrainingSettings
from fedcmr.data.store import Dataset
from fedcmr.tasks.scar import SCAR
from fedcmr.training.local import RoundResult, train_round
from fedcmr.training.trainer import shuffled

CPU = torch.device("cpu")
LR = 0.01
SEVEN = [(i, i % 2, "train") for i in range(7)]


def settings(**values: Any) -> TrainingSettings:
    base = {"optimizer": "sgd", "learning_rate": LR, "batch_size": 64, "micro_batch": 3}
    return TrainingSettings.model_validate(base | values)


def run(model: nn.Module, dataset: Dataset, chosen: TrainingSettings, **more: Any) -> RoundResult:
    options = {"start_step": 0, "epochs": 1, "device": CPU} | more
    return train_round(model, SCAR, dataset, chosen, **options)


def state(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def everything(dataset: Dataset) -> tuple[torch.Tensor, torch.Tensor]:
    x = torch.stack([SCAR.input(dataset.load(record)) for record in dataset.records])
    return x, torch.tensor([float(record.scar or 0) for record in dataset.records])


def descend(model: nn.Module, loss: torch.Tensor) -> None:
    gradients = torch.autograd.grad(loss, list(model.parameters()))
    with torch.no_grad():
        for parameter, gradient in zip(model.parameters(), gradients, strict=True):
            parameter.sub_(LR * gradient)


def test_accumulated_full_batch_step_is_one_plain_sgd_step(
    make_dataset: Any, make_model: Any
) -> None:
    dataset, model, plain = make_dataset("site", SEVEN), make_model(), make_model()
    result = run(model, dataset, settings())
    x, y = everything(dataset)
    loss = F.binary_cross_entropy_with_logits(plain(x), y)
    descend(plain, loss)
    assert (result.examples, result.steps) == (7, 1)
    assert result.loss == pytest.approx(loss.item(), rel=1e-5)
    torch.testing.assert_close(state(model), state(plain), rtol=0, atol=1e-6)


def test_a_last_smaller_batch_counts_as_a_mean_of_its_own(
    make_dataset: Any, make_model: Any
) -> None:
    dataset, model, plain = make_dataset("site", SEVEN), make_model(), make_model()
    run(model, dataset, settings(batch_size=4, micro_batch=3, seed=5))
    x, y = everything(dataset)
    order, _ = shuffled(7, seed=5, step=0)
    for batch in order.split(4):
        descend(plain, F.binary_cross_entropy_with_logits(plain(x[batch]), y[batch]))
    torch.testing.assert_close(state(model), state(plain), rtol=0, atol=5e-6)


def test_sites_weighted_by_examples_make_one_step_on_the_union(
    make_dataset: Any, make_model: Any
) -> None:
    sites = [make_dataset("a", SEVEN[:2]), make_dataset("b", SEVEN[2:])]
    union, model = make_dataset("union", SEVEN), make_model()
    run(model, union, settings())
    locals_ = [make_model(), make_model()]
    weights = [
        run(local, site, settings()).examples for local, site in zip(locals_, sites, strict=True)
    ]
    assert weights == [2, 5]
    merged = {
        name: sum(w * local.state_dict()[name] for w, local in zip(weights, locals_, strict=True))
        / 7
        for name in model.state_dict()
    }
    torch.testing.assert_close(merged, state(model), rtol=0, atol=1e-6)


@pytest.mark.parametrize("augment", ["none", "flip_rotate"])
def test_two_runs_give_the_same_bits(make_dataset: Any, make_model: Any, augment: str) -> None:
    dataset = make_dataset("site", SEVEN)
    chosen = settings(optimizer="adam", learning_rate=1e-3, batch_size=3, augment=augment)
    models = [make_model(), make_model()]
    results = [run(model, dataset, chosen, epochs=2) for model in models]
    assert results[0].loss == results[1].loss
    assert results[0].steps == 6
    for first, second in zip(*(model.parameters() for model in models), strict=True):
        assert torch.equal(first, second)


def test_augmentation_and_seed_change_the_result(make_dataset: Any, make_model: Any) -> None:
    dataset = make_dataset("site", SEVEN)
    variants = [settings(batch_size=3), settings(batch_size=3, seed=1)]
    variants.append(settings(batch_size=3, augment="flip_rotate"))
    heads = []
    for chosen in variants:
        model = make_model()
        run(model, dataset, chosen)
        heads.append(model.state_dict()["head.weight"])
    assert not torch.equal(heads[0], heads[1])
    assert not torch.equal(heads[0], heads[2])


def test_unlabelled_and_other_splits_are_left_out(make_dataset: Any, make_model: Any) -> None:
    more = [*SEVEN, (7, None, "train"), (8, 1, "validation"), (9, 0, "test")]
    models = [make_model(), make_model()]
    results = [
        run(model, make_dataset(name, rows), settings())
        for model, name, rows in zip(models, ("few", "more"), (SEVEN, more), strict=True)
    ]
    assert results[1].examples == 7
    torch.testing.assert_close(state(models[0]), state(models[1]), rtol=0, atol=0)


def test_a_site_without_labels_changes_nothing(make_dataset: Any, make_model: Any) -> None:
    model = make_model()
    before = state(model)
    result = run(model, make_dataset("site", [(0, None, "train"), (1, 1, "test")]), settings())
    assert (result.examples, result.steps, result.loss) == (0, 0, 0.0)
    torch.testing.assert_close(state(model), before, rtol=0, atol=0)


def test_fedprox_adds_the_gradient_of_its_penalty(make_dataset: Any, make_model: Any) -> None:
    """The second step of a round is the first that the penalty touches."""
    dataset, mu = make_dataset("site", SEVEN), 20.0
    initial, free, held = make_model(), make_model(), make_model()
    run(free, dataset, settings(), epochs=1)
    first = {name: value - initial.state_dict()[name] for name, value in state(free).items()}
    free = make_model()
    run(free, dataset, settings(), epochs=2)
    run(held, dataset, settings(), epochs=2, proximal_mu=mu)
    expected = {name: free.state_dict()[name] - LR * mu * step for name, step in first.items()}
    torch.testing.assert_close(state(held), expected, rtol=0, atol=1e-6)
    assert max(float(step.abs().max()) for step in first.values()) > 1e-3


def test_learning_rate_decays_with_the_global_step(make_dataset: Any, make_model: Any) -> None:
    dataset, initial = make_dataset("site", SEVEN), make_model()

    def moved(start_step: int) -> torch.Tensor:
        model = make_model()
        run(model, dataset, settings(lr_decay=0.5, learning_rate=1.0), start_step=start_step)
        return model.head.weight - initial.head.weight

    torch.testing.assert_close(moved(0), 3 * moved(4), rtol=1e-4, atol=1e-7)


def test_attention_of_the_released_code_keeps_its_weights(
    make_dataset: Any, make_model: Any
) -> None:
    model = make_model(attention="code")
    before = state(model)
    run(model, make_dataset("site", SEVEN), settings())
    changed = {name for name, value in model.state_dict().items() if not value.equal(before[name])}
    assert changed == {name for name in before if "gate" not in name}


def test_bf16_comes_near_fp32(make_dataset: Any, make_model: Any) -> None:
    dataset = make_dataset("site", SEVEN)
    losses = [
        run(make_model(), dataset, settings(precision=word)).loss for word in ("fp32", "bf16")
    ]
    assert losses[0] != losses[1]
    assert losses[0] == pytest.approx(losses[1], rel=0.02)


def test_training_finds_a_bright_lesion(make_dataset: Any, make_model: Any) -> None:
    model = make_model()
    chosen = settings(optimizer="adam", learning_rate=2e-4, batch_size=4)
    result = run(model, make_dataset("site", SEVEN), chosen, epochs=12)
    assert result.loss < 0.2
