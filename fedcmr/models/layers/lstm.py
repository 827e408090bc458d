"""An LSTM whose gradients are exact per sample: a leaf of plain operations.

Opacus refuses nn.LSTM, and its own replacement does not know slices beside the batch axis.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Lstm(nn.Module):
    """One layer, last state; parameters as in nn.LSTM (gates: input, forget, cell, output)."""

    def __init__(self, channels: int, units: int) -> None:
        super().__init__()
        self.weight_ih = nn.Parameter(torch.empty(4 * units, channels))
        self.weight_hh = nn.Parameter(torch.empty(4 * units, units))
        self.bias_ih = nn.Parameter(torch.zeros(4 * units))
        self.bias_hh = nn.Parameter(torch.zeros(4 * units))
        nn.init.xavier_uniform_(self.weight_ih)
        nn.init.orthogonal_(self.weight_hh)

    def forward(self, x: Tensor) -> Tensor:
        """Map sequences `(B, ..., L, channels)` to the last states `(B, ..., units)`."""
        inputs = F.linear(x, self.weight_ih, self.bias_ih + self.bias_hh)
        state = cell = torch.zeros_like(inputs[..., 0, : self.weight_hh.shape[1]])
        for step in inputs.unbind(-2):
            admit, forget, candidate, emit = F.linear(state, self.weight_hh).add(step).chunk(4, -1)
            cell = forget.sigmoid() * cell + admit.sigmoid() * candidate.tanh()
            state = emit.sigmoid() * cell.tanh()
        return state
