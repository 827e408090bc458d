import pytest
import torch
from torch import nn

from fedcmr.models.layers.per_slice import SliceConv3d, SliceGroupNorm, SliceMaxPool3d


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (SliceConv3d(4, 6, 3, padding=1), nn.Conv3d(4, 6, 3, padding=1)),
        (SliceGroupNorm(2, 4), nn.GroupNorm(2, 4)),
        (SliceMaxPool3d(2), nn.MaxPool3d(2)),
    ],
)
def test_every_slice_is_seen_alone(ours: nn.Module, theirs: nn.Module) -> None:
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(2, 3, 4, 4, 6, 6, generator=torch.Generator().manual_seed(0))
    expected = torch.stack([torch.stack([theirs(part[None])[0] for part in one]) for one in x])
    torch.testing.assert_close(ours(x), expected)
