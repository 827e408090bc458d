import pytest
import torch

from fedcmr.config import Preprocessing
from fedcmr.models.layers.shape import as_colour, expect, scaled


def test_reduced_widths_are_multiples_of_eight() -> None:
    assert [scaled(64, width) for width in (1, 0.5, 0.3, 0.01)] == [64, 32, 16, 8]
    assert scaled(45, 1) == 45


def test_another_shape_is_refused_with_both() -> None:
    settings = Preprocessing(slices=1, phases=30, size=64)
    expect(torch.zeros(2, 1, 30, 64, 64), settings)
    with pytest.raises(ValueError, match=r"expected \(B, 1, 30, 64, 64\), got \(2, 30, 64, 64\)"):
        expect(torch.zeros(2, 30, 64, 64), settings)


def test_grey_is_repeated() -> None:
    x = torch.rand(2, 1, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    assert torch.equal(as_colour(x), torch.cat((x, x, x), 1))
