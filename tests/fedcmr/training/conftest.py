from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from fedcmr.config import Preprocessing
from fedcmr.data.record import StudyRecord
from fedcmr.data.store import Dataset, write_dataset
from fedcmr.models.registry import build
from fedcmr.network import ModelSettings
from fedcmr.types import Split

PREPROCESSING = Preprocessing(slices=2, phases=6, size=16)

MakeDataset = Callable[..., Dataset]
MakeModel = Callable[..., nn.Module]


def study(number: int, label: int | None, split: Split) -> StudyRecord:
    return StudyRecord(
        study=f"{number:04x}",
        patient=f"{number:04x}",
        vendor="GE",
        field_strength="1.5T",
        model="SIGNA",
        sex="F",
        age_band="40-49",
        aetiology="none",
        scar=label,
        mvo=None,
        split=split,
        slices=10,
        phases=20,
        spacing_mm=1.5,
        slice_distance_mm=8.0,
        rr_ms=900.0,
        flags=(),
    )


@pytest.fixture
def make_study() -> Callable[..., StudyRecord]:
    """Studies to train on, of as many slices as there are labels."""

    def make(number: int, labels: tuple[int | None, ...]) -> StudyRecord:
        return replace(study(number, None, "train"), slices=len(labels), mvo_slices=labels)

    return make


@pytest.fixture
def make_dataset(tmp_path: Path) -> MakeDataset:
    """Studies of noise, with a bright patch for scar; `studies` are (number, label, split)."""

    def make(name: str, studies: Sequence[tuple[int, int | None, Split]]) -> Dataset:
        records = [study(*row) for row in studies]
        arrays = {}
        for number, label, _ in studies:
            cine = 20_000 * np.random.default_rng(number).random((2, 6, 16, 16))
            cine[:, :, 5:10, 6:11] += 40_000 * (label or 0)
            arrays[f"{number:04x}"] = cine.astype(np.uint16)
        return write_dataset(tmp_path / name, records, arrays, PREPROCESSING, phantom=True)

    return make


@pytest.fixture
def make_model() -> MakeModel:
    def make(name: str = "st_ran", **switches: str) -> nn.Module:
        torch.manual_seed(0)
        settings = ModelSettings.model_validate({"name": name, **switches})
        return build(settings, PREPROCESSING)

    return make
