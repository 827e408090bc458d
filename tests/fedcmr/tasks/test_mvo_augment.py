from dataclasses import fields, replace

import pytest
import torch
from torch import Tensor

from fedcmr.data.transforms import centre as middle_of
from fedcmr.tasks.mvo_augment import BRIGHTNESS, MARGIN, Draws, augment, draw, rotate

SIDE = 72


def centre(images: Tensor) -> Tensor:
    """What the network sees without augmentation."""
    return middle_of(images, SIDE - MARGIN)


def still(count: int = 1) -> Draws:
    """Draws that leave everything as it is, with the crop in the middle."""
    no, zero = torch.zeros(count, dtype=torch.bool), torch.zeros(count)
    middle = torch.full((count, 2), MARGIN // 2)
    return Draws(middle, no, no, no, zero, zero, torch.ones(count))


def blob() -> tuple[Tensor, Tensor]:
    """A bright lesion, off the centre, that wanders with time, and its mask in the first frame."""
    mask = torch.zeros(1, SIDE, SIDE, dtype=torch.uint8)
    mask[0, 20:32, 40:56] = 2
    mask[0, 24:28, 44:50] = 1
    frames = [0.2 + 0.5 * (mask > 0).float().roll(shift, -1) for shift in range(4)]
    return torch.stack(frames, 1)[:, None].contiguous(), mask


def test_the_same_seed_draws_the_same() -> None:
    first, second = (draw(50, torch.Generator().manual_seed(5)) for _ in range(2))
    other = draw(50, torch.Generator().manual_seed(6))
    for field in fields(Draws):
        assert torch.equal(getattr(first, field.name), getattr(second, field.name))
        assert not torch.equal(getattr(first, field.name), getattr(other, field.name))


def test_draws_span_their_ranges_and_leave_half_alone() -> None:
    draws = draw(4000, torch.Generator().manual_seed(0))
    assert set(draws.corner.flatten().tolist()) == set(range(MARGIN + 1))
    for coin in (draws.flip_y, draws.flip_x, draws.reverse, draws.angle == 0, draws.contrast == 1):
        assert 0.46 < coin.float().mean() < 0.54
    assert draws.angle.abs().max() == pytest.approx(20, abs=0.1)
    assert draws.brightness.abs().max() == pytest.approx(BRIGHTNESS, rel=0.01)
    assert draws.contrast.min() == pytest.approx(0.5, abs=0.01)
    assert draws.contrast.max() == pytest.approx(1.5, abs=0.01)


def test_a_still_draw_is_the_centre() -> None:
    cine, mask = blob()
    moved, moved_mask = augment(cine, mask, still())
    assert torch.equal(moved, centre(cine))
    assert torch.equal(moved_mask, centre(mask))
    assert moved.shape == (1, 1, 4, 64, 64)


@pytest.mark.parametrize("seed", range(12))
def test_mask_and_frames_move_together_and_no_label_is_invented(seed: int) -> None:
    cine, mask = blob()
    drawn = draw(1, torch.Generator().manual_seed(seed))
    drawn = replace(drawn, angle=torch.tensor([20.0 - 3.5 * seed]))
    geometry = replace(drawn, brightness=torch.zeros(1), contrast=torch.ones(1))
    moved, moved_mask = augment(cine, mask, geometry)
    first = moved[0, 0, 3 if geometry.reverse else 0]
    differ = (first > 0.45) != (moved_mask[0] > 0)
    assert differ.float().mean() < 0.004  # pixels on the border, linear against nearest
    assert set(moved_mask.unique().tolist()) == {0, 1, 2}
    assert moved_mask.dtype == torch.uint8
    assert (moved_mask > 0).sum() == pytest.approx(12 * 16, rel=0.08)


def test_flips_and_reversal_are_exact() -> None:
    cine, mask = blob()
    yes = torch.ones(1, dtype=torch.bool)
    turned, turned_mask = augment(cine, mask, replace(still(), flip_y=yes, reverse=yes))
    assert torch.equal(turned, centre(cine).flip(-2).flip(2))
    assert torch.equal(turned_mask, centre(mask).flip(-2))
    turned, turned_mask = augment(cine, mask, replace(still(), flip_x=yes))
    assert torch.equal(turned, centre(cine).flip(-1))
    assert torch.equal(turned_mask, centre(mask).flip(-1))


def test_the_crop_begins_at_its_corner() -> None:
    cine, mask = blob()
    moved, moved_mask = augment(cine, mask, replace(still(), corner=torch.tensor([[0, 8]])))
    assert torch.equal(moved, cine[..., :64, 8:])
    assert torch.equal(moved_mask, mask[..., :64, 8:])


def test_brightness_comes_before_contrast_within_range_for_all_frames() -> None:
    cine, mask = blob()
    bright = replace(still(), brightness=torch.tensor([0.1]), contrast=torch.tensor([1.5]))
    moved, same = augment(cine, mask, bright)
    torch.testing.assert_close(moved, ((centre(cine) + 0.1) * 1.5).clamp(0, 1))
    assert moved.max() == 1
    assert torch.equal(same, centre(mask))


def test_samples_follow_their_own_draws() -> None:
    cine, mask = blob()
    drawn = draw(2, torch.Generator().manual_seed(1))
    both = augment(torch.cat((cine, cine)), torch.cat((mask, mask)), drawn)
    alone = augment(cine, mask, drawn[torch.tensor([1])])
    assert torch.equal(both[0][1:], alone[0])
    assert torch.equal(both[1][1:], alone[1])


def test_a_quarter_turn_is_exact() -> None:
    image = torch.arange(36.0).view(1, 6, 6)
    torch.testing.assert_close(rotate(image, 90, "bilinear"), image.rot90(-1, (1, 2)))
