"""The bytes that a training step must move through the memory of a GPU, layer by layer.

Every leaf layer reads its input and writes its output; the backward pass reads both gradients'
worth again and the saved input: three times the forward pass. Fusing layers can go below.
"""

from typing import Any

import torch
from torch import Tensor, nn

PASSES = 3
FULL = 4
"""Bytes of a weight, which stays in fp32."""
WEIGHT_MOVES = 4
"""Read forward and backward, its gradient written and read by the optimiser."""


def traffic(network: nn.Module, shape: tuple[int, ...], number: int) -> int:
    """Return bytes for a batch of `shape` (B, Z, T, Y, X); nothing is computed.

    Args:
        network: moved to the meta device, which knows shapes only; it is of no use afterwards.
        shape: of the input.
        number: bytes of a number of the activations, 4 or 2.
    """
    moved = 0

    def count(_: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        nonlocal moved
        moved += sum(tensor.numel() for tensor in (*inputs, output) if isinstance(tensor, Tensor))

    network.to("meta")
    leaves = [module for module in network.modules() if not list(module.children())]
    for leaf in leaves:
        leaf.register_forward_hook(count)
    with torch.no_grad():
        network(torch.empty(shape, device="meta"))
    weights = sum(parameter.numel() for parameter in network.parameters())
    return PASSES * moved * number + WEIGHT_MOVES * weights * FULL
