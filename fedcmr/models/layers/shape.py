"""Inputs: the one shape that all networks take, and reduced widths."""

from torch import Tensor

from fedcmr.config import Preprocessing


def expect(cine: Tensor, preprocessing: Preprocessing) -> None:
    """Refuse a cine that is not `(B, Z, T, Y, X)` as preprocessing states it.

    Raises:
        ValueError: another shape.
    """
    side = preprocessing.size
    shape = (preprocessing.slices, preprocessing.phases, side, side)
    if tuple(cine.shape[1:]) != shape:
        raise ValueError(f"expected (B, {str(shape)[1:-1]}), got {tuple(cine.shape)}")


def as_colour(cine: Tensor) -> Tensor:
    """Repeat the grey level of one slice `(B, 1, T, Y, X)` to `(B, 3, T, Y, X)`.

    The published video networks have three input channels.
    """
    return cine.expand(-1, 3, -1, -1, -1).contiguous()


def scaled(channels: int, width: float) -> int:
    """Return a share of the published channels, a multiple of 8; all of them at width 1."""
    return channels if width == 1 else max(8, round(channels * width / 8) * 8)
