import pytest
import torch
from reference.coarse_mask import slow_coarse_mask

from fedcmr.data.coarse_mask import coarse_mask


@pytest.mark.parametrize("first", range(1, 97, 16))
def test_equals_the_slow_loop_for_every_side_and_grid(first: int) -> None:
    generator = torch.Generator().manual_seed(first)
    for side in range(first, first + 16):
        mask = torch.rand(side, side, generator=generator) < 0.4
        pixels = mask.tolist()
        for grid in range(1, side + 1):
            expected = torch.tensor(slow_coarse_mask(pixels, grid))
            assert torch.equal(coarse_mask(mask, grid), expected), (side, grid)


def test_what_is_filled_up_counts_as_empty() -> None:
    full = torch.ones(5, 5, dtype=torch.bool)
    expected = torch.tensor([[1.0, 1.0, 0.5], [1.0, 1.0, 0.5], [0.5, 0.5, 0.25]])
    assert torch.equal(coarse_mask(full, 3), expected)


def test_a_fine_grid_of_large_cells_leaves_cells_outside_empty() -> None:
    """Seven pixels in five cells of two: the last cell lies outside."""
    shares = coarse_mask(torch.ones(7, 7, dtype=torch.bool), 5)
    assert not shares[4].any()
    assert not shares[:, 4].any()
    assert shares.sum() * 4 == 49


def test_masks_of_a_batch_stay_apart() -> None:
    masks = torch.rand(2, 3, 12, 12, generator=torch.Generator().manual_seed(0)) < 0.5
    both = coarse_mask(masks, 4)
    assert both.shape == (2, 3, 4, 4)
    assert torch.equal(both[1, 2], coarse_mask(masks[1, 2], 4))


@pytest.mark.parametrize(("shape", "grid"), [((4, 5), 2), ((4, 4), 5), ((4, 4), 0)])
def test_what_has_no_such_grid_is_refused(shape: tuple[int, int], grid: int) -> None:
    with pytest.raises(ValueError, match=f"no grid of {grid} on a mask of"):
        coarse_mask(torch.ones(shape, dtype=torch.bool), grid)
