"""Private rounds: what one patient can do, what noise does, what may not be trained."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from fedcmr.config import Preprocessing, TrainingSettings
from fedcmr.data.store import Dataset, write_dataset
from fedcmr.errors import ConfigurationError
from fedcmr.models.registry import PUBLISHED_INPUT, build, entries
from fedcmr.network import ModelName, ModelSettings
from fedcmr.privacy.accounting import Spending
from fedcmr.privacy.dp_sgd import DpSgd
from fedcmr.privacy.noise import Chance
from fedcmr.tasks.registry import task
from fedcmr.tasks.scar import SCAR
from fedcmr.training.local import RoundResult, train_round
from fedcmr.training.private import PrivateTrainer
from fedcmr.training.world import World

CPU = torch.device("cpu")
SGD = TrainingSettings(optimizer="sgd", learning_rate=1.0, micro_batch=2)
CLIP = 0.05
ALL = DpSgd(Spending(1.0, 1.0, 1), CLIP, secure_random=False)
SEVEN = [(i, i % 2, "train") for i in range(7)]


def run(model: nn.Module, dataset: Dataset, privacy: DpSgd, **options: Any) -> RoundResult:
    given = {"start_step": 0, "epochs": 3, "device": CPU} | options
    return train_round(model, SCAR, dataset, SGD, privacy=privacy, **given)


def moved(model: nn.Module, start: nn.Module) -> Tensor:
    pairs = zip(model.parameters(), start.parameters(), strict=True)
    return torch.cat([(after - before).detach().flatten() for after, before in pairs])


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """No noise, to see what is under it."""
    monkeypatch.setattr(Chance, "normal", lambda _, like: torch.zeros_like(like))


def same_patient(dataset: Dataset, path: Path) -> Dataset:
    """The same studies, all of one patient."""
    records = [replace(record, patient="ab") for record in dataset.records]
    arrays = {record.study: np.array(dataset.load(record)) for record in records}
    return write_dataset(path, records, arrays, dataset.manifest.preprocessing, phantom=True)


@pytest.mark.usefixtures("silent")
def test_a_patient_of_five_studies_moves_the_weights_by_one_clip(
    make_dataset: Any, make_model: Callable[..., nn.Module], tmp_path: Path
) -> None:
    five = make_dataset("five", [(2 * i + 1, 1, "train") for i in range(5)])
    one = same_patient(five, tmp_path / "one")
    many, single = make_model(), make_model()
    assert run(many, five, ALL).examples == 5
    result = run(single, one, ALL)
    assert (result.examples, result.steps, result.loss) == (1, 1, 0.0)
    in_the_sum = [float(moved(model, make_model()).norm()) for model in (many, single)]
    assert in_the_sum[0] * 5 > 3 * CLIP, "five patients pull together"
    assert in_the_sum[1] * 1 == pytest.approx(CLIP, rel=1e-3)


@pytest.mark.usefixtures("silent")
def test_one_patient_more_moves_the_sum_by_one_clip_whatever_is_drawn(
    make_dataset: Any, make_model: Callable[..., nn.Module]
) -> None:
    """Augmentation and dropout of the others must not hang on who else is there."""
    sums = []
    for name, studies in (("all", SEVEN), ("without", SEVEN[1:])):
        model = nn.Sequential(nn.Dropout(0.5), make_model())
        train_round(
            model, SCAR, make_dataset(name, studies),
            SGD.model_copy(update={"augment": "flip_rotate"}),
            start_step=0, epochs=1, device=CPU, privacy=ALL,
        )  # fmt: skip
        sums.append(moved(model, make_model()) * len(studies))
    assert CLIP / 2 < float((sums[0] - sums[1]).norm()) <= CLIP * 1.001


@pytest.mark.usefixtures("silent")
def test_a_patient_counts_with_the_mean_over_its_studies(
    make_dataset: Any, make_model: Callable[..., nn.Module], tmp_path: Path
) -> None:
    """Without a clip that bites: the gradient of the mean loss, over micro-batches of two."""
    five = make_dataset("five", SEVEN[:5])
    model, plain = make_model(), make_model()
    run(model, same_patient(five, tmp_path / "one"), replace(ALL, max_grad_norm=1e6))
    train_round(plain, SCAR, five, SGD, start_step=0, epochs=1, device=CPU)
    torch.testing.assert_close(
        moved(model, make_model()), moved(plain, make_model()), rtol=1e-4, atol=1e-6
    )


@pytest.mark.parametrize("secure", [True, False])
def test_noise_of_the_update_has_the_variance_of_the_accountant(
    make_dataset: Any,
    make_model: Callable[..., nn.Module],
    monkeypatch: pytest.MonkeyPatch,
    secure: bool,
) -> None:
    """One step of SGD at rate 1: update = -(sum + noise) / expected patients."""
    dataset, multiplier = make_dataset("site", SEVEN), 1.7
    privacy = DpSgd(Spending(multiplier, 1.0, 1), CLIP, secure)
    noisy = make_model("t_cnn")
    run(noisy, dataset, privacy)
    quiet = make_model("t_cnn")
    with monkeypatch.context() as patch:
        patch.setattr(Chance, "normal", lambda _, like: torch.zeros_like(like))
        run(quiet, dataset, privacy)
    noise = moved(noisy, quiet).double() * 7 / (multiplier * CLIP)
    count = noise.numel()
    assert count > 300_000
    assert abs(float(noise.var()) - 1) < 5 * math.sqrt(2 / count)
    assert abs(float(noise.mean())) < 5 / math.sqrt(count)
    assert abs(float((noise**4).mean()) - 3) < 5 * math.sqrt(96 / count)


def test_noise_of_k_steps_adds_up_and_empty_steps_have_it_too(
    make_dataset: Any, make_model: Callable[..., nn.Module]
) -> None:
    """At rate 1e-6 nobody is ever drawn: what is left is the noise of every step."""
    privacy = DpSgd(Spending(2.0, 1e-6, 9), CLIP, secure_random=False)
    model = make_model("t_cnn")
    result = run(model, make_dataset("site", SEVEN), privacy)
    noise = moved(model, make_model("t_cnn")).double() * (7 * 1e-6) / (2.0 * CLIP)
    assert result.steps == 9
    assert float(noise.var()) == pytest.approx(9, rel=0.02)


@pytest.mark.usefixtures("silent")
def test_division_is_by_the_expected_number_of_patients(
    make_dataset: Any, make_model: Callable[..., nn.Module], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Chance, "chosen", lambda *_: torch.tensor([1]))
    model = make_model()
    run(model, make_dataset("site", SEVEN), replace(ALL, spending=Spending(1.0, 0.5, 1)))
    assert float(moved(model, make_model()).norm()) == pytest.approx(CLIP / 3.5, rel=1e-3)


def test_two_processes_share_patients_and_one_noise(
    make_dataset: Any, make_model: Callable[..., nn.Module], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both runs are noisy: their difference has twice the variance of one noise."""
    privacy = DpSgd(Spending(50.0, 1.0, 1), CLIP, secure_random=True)
    dataset, one, two = make_dataset("site", SEVEN), make_model("t_cnn"), make_model("t_cnn")
    run(one, dataset, privacy)
    monkeypatch.setattr("fedcmr.training.local.visible_devices", lambda: (CPU, CPU))
    assert run(two, dataset, privacy, device=None).steps == 1
    noise = moved(two, one).double() * 7 / (50.0 * CLIP)
    assert float(noise.var()) == pytest.approx(2, rel=0.02)


def test_a_killed_round_takes_only_the_steps_that_are_left(
    make_dataset: Any, make_model: Callable[..., nn.Module], monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:  # fmt: skip
    monkeypatch.setattr("fedcmr.training.round_state.LEAST_PAUSE_S", 0.0)
    monkeypatch.setattr("fedcmr.training.round_state.SHARE", 1e9)
    privacy = DpSgd(Spending(1.0, 0.5, 4), CLIP, secure_random=False)
    steps: list[int] = []
    update = PrivateTrainer._update

    def counted(trainer: PrivateTrainer) -> None:
        if len(steps) == 3:
            raise KeyboardInterrupt
        steps.append(trainer.step)
        update(trainer)

    dataset, path = make_dataset("site", SEVEN), tmp_path / "round"
    monkeypatch.setattr(PrivateTrainer, "_update", counted)
    with pytest.raises(KeyboardInterrupt):
        run(make_model("t_cnn"), dataset, privacy, resume=path)
    steps.clear()
    assert run(make_model("t_cnn"), dataset, privacy, resume=path).steps == 4
    assert steps == [3]


def test_fp16_is_refused(make_model: Callable[..., nn.Module]) -> None:
    settings = SGD.model_copy(update={"precision": "fp16"})
    with pytest.raises(ConfigurationError, match="fp32"):
        PrivateTrainer(make_model(), SCAR, settings, World(torch.device("cuda")), ALL)


FIXED_WIDTH = ("s_cnn", "t_cnn", "st_cnn", "ast_cnn", "st_ran")
TASKS = {row.name: row.task for row in entries()}


@pytest.mark.parametrize("name", get_args(ModelName))
def test_every_network_takes_a_private_step(name: str) -> None:
    size = 64 if TASKS[name] == "mvo" else 32
    published = PUBLISHED_INPUT[TASKS[name]]
    shape = Preprocessing(slices=published.slices, phases=16, size=size)
    width = 1.0 if name in FIXED_WIDTH else 0.08
    settings = ModelSettings.model_validate({"name": name, "width": width})
    torch.manual_seed(0)
    model = build(settings, shape)
    before = [parameter.detach().clone() for parameter in model.parameters()]
    trainer = PrivateTrainer(model, task(TASKS[name]), SGD, World(CPU), ALL)
    trainer.epoch(one_study(shape))
    changed = [
        not torch.equal(parameter, old)
        for parameter, old in zip(model.parameters(), before, strict=True)
    ]
    assert all(changed), "noise reaches every parameter"


class OneStudy:
    """What a trainer asks of samples, for one study of noise."""

    def __init__(self, shape: Preprocessing) -> None:
        self._cine = torch.rand(1, shape.slices, shape.phases, shape.size, shape.size)
        self.targets = torch.ones(1)
        self.records = [type("Record", (), {"patient": "a"})()]
        self._mask = torch.full((1, shape.size, shape.size), 2, dtype=torch.uint8)

    def __len__(self) -> int:
        return 1

    def cines(self, indices: Tensor, *, whole: bool) -> Tensor:
        assert not whole
        return (self._cine[indices] * 65535).to(torch.uint16)

    def masks(self, indices: Tensor, *, whole: bool) -> Tensor:
        assert not whole
        return self._mask[indices]


def one_study(shape: Preprocessing) -> Any:
    return OneStudy(shape)
