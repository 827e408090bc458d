"""Attacks find an overfitted model's patients; under DP-SGD not more than epsilon allows."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from fedcmr.audit.membership import Audit, audit
from fedcmr.config import Experiment
from fedcmr.data.record import StudyRecord, parse_row
from fedcmr.data.store import Dataset, write_dataset
from fedcmr.errors import ConfigurationError, DataError
from fedcmr.privacy.accounting import Spending, epsilon
from fedcmr.privacy.dp_sgd import dp_sgd
from fedcmr.tasks.scar import SCAR
from fedcmr.training.local import train_round

PATIENTS = 100
"""Inside, and as many outside; labels are drawn, so that nothing but memory can know them."""
EPOCHS = 10
STATED = 1.0
"""Above the epsilon of PRIVATE, and below what an attack on the overfitted model proves."""
CPU = torch.device("cpu")
PRIVATE = {"mechanism": "dp_sgd", "noise_multiplier": 3.0, "delta": 1e-3, "secure_random": False}

ROW = {
    "vendor": "GE", "field_strength": "1.5T", "model": "SIGNA", "sex": "F", "age_band": "40-49",
    "aetiology": "none", "mvo": "", "slices": "10", "phases": "20", "spacing_mm": "1.5",
    "slice_distance_mm": "8.0", "rr_ms": "900.0", "flags": "", "mvo_slices": "",
}  # fmt: skip


def experiment(**sections: Any) -> Experiment:
    given = {
        "name": "audited",
        "preprocessing": {"slices": 2, "phases": 4, "size": 16},
        "training": {"learning_rate": 1e-3, "batch_size": 8, "micro_batch": 8},
        "federation": {"rounds": EPOCHS, "select": "last"},
    }
    return Experiment.model_validate(given | sections)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    generator = np.random.default_rng(5)
    records: list[StudyRecord] = []
    arrays = {}
    for number in range(2 * PATIENTS):
        name = f"{number:04x}"
        split = "train" if number < PATIENTS else ("validation", "test")[number % 2]
        label = str(generator.integers(2))
        row = {"study": name, "patient": name, "split": split, "scar": label}
        records.append(parse_row(ROW | row, where="test"))
        arrays[name] = generator.integers(0, 65536, (2, 4, 16, 16)).astype(np.uint16)
    folder: Path = tmp_path_factory.mktemp("site")
    shape = experiment().preprocessing
    return write_dataset(folder / "dataset", records, arrays, shape, phantom=True)


class Memory(nn.Sequential):
    """A net with more weights than there is to learn: it keeps every study by heart."""

    def __init__(self) -> None:
        super().__init__(nn.Flatten(), nn.Linear(2 * 4 * 16 * 16, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, cine: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = super().forward(cine - 0.5)
        return logits.squeeze(1)


@pytest.fixture(autouse=True)
def small_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fedcmr.audit.membership.build", lambda *_: Memory())


def trained(settings: Experiment, dataset: Dataset) -> nn.Module:
    torch.manual_seed(0)
    model = Memory()
    privacy = dp_sgd(settings, PATIENTS)
    if privacy is not None:
        all_steps = privacy.spending.steps * settings.federation.rounds
        privacy = replace(privacy, spending=replace(privacy.spending, steps=all_steps))
    train_round(
        model, SCAR, dataset, settings.training,
        start_step=0, epochs=EPOCHS, device=CPU, privacy=privacy,
    )  # fmt: skip
    return model


def attacked(settings: Experiment, dataset: Dataset, shadows: int) -> Audit:
    model = trained(settings, dataset)
    return audit(model, settings, dataset, shadows=shadows, epochs=EPOCHS, seed=1)


def test_an_overfitted_model_gives_its_patients_away(dataset: Dataset) -> None:
    found = attacked(experiment(), dataset, 4)
    assert [attack.name for attack in found.attacks] == ["loss threshold", "likelihood ratio"]
    assert found.epsilon is None
    for attack in found.attacks:
        assert (attack.members, attack.others) == (PATIENTS, PATIENTS)
        assert attack.auc.low > 0.7
        assert attack.least_epsilon > STATED, "the bound that the private model keeps"
    assert found.attacks[0].tpr.value > 0.3


def test_a_private_model_stays_below_what_its_epsilon_allows(dataset: Dataset) -> None:
    """The same recipe with noise: TPR <= e^epsilon FPR + delta within the limits of both rates."""
    private = experiment(privacy=PRIVATE)
    found = attacked(private, dataset, 2)
    assert found.epsilon is not None
    assert found.epsilon < STATED
    for attack in found.attacks:
        assert attack.least_epsilon <= found.epsilon
        assert attack.auc.low < 0.6


def test_the_stated_epsilon_is_that_of_all_rounds(dataset: Dataset) -> None:
    private = experiment(privacy=PRIVATE)
    found = audit(Memory(), private, dataset, shadows=0, epochs=1, seed=0)
    spent = Spending(3.0, 8 / PATIENTS, 13 * EPOCHS)
    assert found.epsilon == pytest.approx(epsilon([spent], 1e-3, "prv"))
    assert len(found.attacks) == 1


def test_too_few_patients(dataset: Dataset) -> None:
    few = replace(dataset, records=dataset.records[:3])
    with pytest.raises(DataError, match="too few"):
        audit(nn.Identity(), experiment(), few, shadows=0, epochs=1, seed=0)


def test_a_data_set_of_another_experiment_is_refused(dataset: Dataset) -> None:
    other = experiment(preprocessing={"slices": 2, "phases": 4, "size": 32})
    with pytest.raises(ConfigurationError, match="prepared in another way"):
        audit(Memory(), other, dataset, shadows=0, epochs=1, seed=0)
