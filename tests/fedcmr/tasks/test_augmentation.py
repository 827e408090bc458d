from typing import get_args

import pytest
import torch

from fedcmr.config import TrainingSettings
from fedcmr.tasks.augmentation import AUGMENTATIONS


def test_every_word_of_the_settings_is_known() -> None:
    words = get_args(TrainingSettings.model_fields["augment"].annotation)
    assert set(words) == set(AUGMENTATIONS)


@pytest.mark.parametrize("name", ["flip_rotate", "mvo"])
def test_a_part_of_the_draws_does_what_the_whole_does(name: str) -> None:
    augmentation = AUGMENTATIONS[name]
    assert augmentation is not None
    generator = torch.Generator().manual_seed(1)
    cines = torch.rand(6, 1, 4, 40, 40, generator=generator)
    masks = torch.randint(4, (6, 40, 40), generator=generator).to(torch.uint8)
    draws = augmentation.draw(6, generator)
    whole = augmentation.apply(cines, masks, draws)
    some = torch.tensor([4, 1])
    part = augmentation.apply(cines[some], masks[some], draws[some])
    assert all(torch.equal(a[some], b) for a, b in zip(whole, part, strict=True))
