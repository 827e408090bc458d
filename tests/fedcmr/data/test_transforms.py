import pytest
import torch

from fedcmr.data.transforms import POSES, apply_poses, draw_poses


def test_the_eight_poses_differ_and_keep_every_pixel() -> None:
    cine = torch.arange(2 * 3 * 4 * 4.0).view(2, 3, 4, 4)
    posed = apply_poses(cine.expand(POSES, -1, -1, -1, -1), torch.arange(POSES))
    assert posed[0].equal(cine)
    assert len({tuple(one.flatten().tolist()) for one in posed}) == POSES
    for one in posed:
        assert one.flatten(2).sort(-1).values.equal(cine.flatten(2).sort(-1).values)


@pytest.mark.parametrize("pose", range(POSES))
def test_all_frames_and_slices_move_alike(pose: int) -> None:
    image = torch.randn(4, 4, generator=torch.Generator().manual_seed(0))
    posed = apply_poses(image.expand(1, 2, 3, 4, 4), torch.tensor([pose]))
    assert posed.equal(posed[:, :1, :1].expand_as(posed))


def test_a_seed_draws_the_same_poses_again() -> None:
    first, second = (draw_poses(64, torch.Generator().manual_seed(3)) for _ in range(2))
    assert first.equal(second)
    assert set(first.tolist()) == set(range(POSES))
