import pytest
import torch
import torch.nn.functional as F

from fedcmr.models.layers.factorised import Layout
from fedcmr.models.layers.pooling import halve_plane


@pytest.mark.parametrize(
    ("layout", "shape", "plane"),
    [("slices_as_channels", (2, 6, 4, 5, 3), (1, 2)), ("true_4d", (2, 5, 2, 6, 4, 3), (3, 4))],
)
def test_equals_bilinear_resizing_of_y_and_x(
    layout: Layout, shape: tuple[int, ...], plane: tuple[int, int]
) -> None:
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    images = x.movedim(plane, (-2, -1))
    resized = F.interpolate(
        images.flatten(0, -4), scale_factor=0.5, mode="bilinear", align_corners=False
    )
    expected = resized.view(*images.shape[:-2], 3, 2).movedim((-2, -1), plane)
    torch.testing.assert_close(halve_plane(x, layout), expected)
