import pytest
import torch

from fedcmr.models.layers.factorised import Layout, SpatialConv, TemporalConv

IMPULSE = {
    "slices_as_channels": torch.zeros(1, 7, 7, 13, 1),  # Y, X, T
    "true_4d": torch.zeros(1, 13, 7, 7, 7, 1),  # T, Z, Y, X
}


@pytest.mark.parametrize(
    ("layout", "kind", "reach"),
    [
        ("slices_as_channels", SpatialConv, (3, 3, 3)),
        ("slices_as_channels", TemporalConv, (1, 1, 11)),
        ("true_4d", SpatialConv, (1, 3, 3, 3)),
        ("true_4d", TemporalConv, (11, 1, 1, 1)),
    ],
)
def test_kernels_reach_along_their_own_axes_only(
    layout: Layout, kind: type[SpatialConv | TemporalConv], reach: tuple[int, ...]
) -> None:
    torch.manual_seed(0)
    impulse = IMPULSE[layout].clone()
    centre = tuple(size // 2 for size in impulse.shape)
    impulse[centre] = 1
    touched = kind(1, 2, layout)(impulse).abs().sum((0, -1)).nonzero()
    assert tuple((touched.amax(0) - touched.amin(0) + 1).tolist()) == reach
