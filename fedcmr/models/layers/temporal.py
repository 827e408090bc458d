"""Convolution over time where time is the slowest axis, `(B, T, P, C)`, on a CPU.

One row of a whole frame is larger than any cache, and a kernel of 11 taps reads 11 of them for each
row it writes. A block of places with all its frames fits: forward and backward go block by block.
"""

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from fedcmr.models.layers.channels import channels_first

BLOCK = 2**14
"""Places times channels: 20 frames of a block are 1.3 MB in fp32."""


def temporal_conv(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Convolve over T with zero padding.

    Args:
        x: (B, T, P, C) contiguous.
        weight: (F, C, taps, 1), taps odd.
        bias: (F,).

    Returns:
        (B, T, P, F) contiguous.
    """
    y: Tensor = _TemporalConv.apply(x, weight, bias)  # type: ignore[no-untyped-call]  # torch's own
    return y


def _blocks(x: Tensor) -> Iterator[slice]:
    step = max(1, BLOCK // x.shape[-1])
    for start in range(0, x.shape[2], step):
        yield slice(start, start + step)


class _TemporalConv(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        y = x.new_empty(*x.shape[:3], len(weight))
        reach = weight.shape[2] // 2, 0
        for block in _blocks(x):
            frames = channels_first(x[:, :, block].contiguous())
            y[:, :, block] = F.conv2d(frames, weight, bias, padding=reach).movedim(1, -1)
        return y

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor], output: Tensor) -> None:
        x, weight, _ = inputs
        ctx.save_for_backward(x, weight)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor, Tensor]:
        x, weight = ctx.saved_tensors
        wanted = ctx.needs_input_grad[0]
        # Time along the rows: oneDNN's backward kernels then take up to a third less.
        along_rows = weight.transpose(2, 3).contiguous()
        grad_x = x.new_empty(x.shape) if wanted else None
        grad_weight, grad_bias = grad.new_zeros(along_rows.shape), grad.new_zeros(len(weight))
        for block in _blocks(x):
            of_x, of_weight, of_bias = torch.ops.aten.convolution_backward(
                _rows(grad[:, :, block]),
                _rows(x[:, :, block]),
                along_rows,
                [len(weight)],
                [1, 1],
                [0, weight.shape[2] // 2],
                [1, 1],
                False,
                [0, 0],
                1,
                [wanted, True, True],
            )
            grad_weight += of_weight
            grad_bias += of_bias
            if grad_x is not None:
                grad_x[:, :, block] = of_x.movedim(1, -1).transpose(1, 2)
        return grad_x, grad_weight.transpose(2, 3), grad_bias


def _rows(x: Tensor) -> Tensor:
    """Return `(B, T, P, C)` as `(B, C, P, T)` in a channels_last memory format."""
    return channels_first(x.transpose(1, 2).contiguous())
