"""Attention gate: a two-layer perceptron weighs every position of an activation.

Amyar et al., MICCAI 2023, equations 1-2. The released code takes the softmax over an axis of size
one, which makes every weight 1; `code` repeats that, `softmax_pos` is the softmax over positions
that the text describes, scaled to a mean weight of one.
"""

from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor, nn

Normalisation: TypeAlias = Literal["softmax_pos", "sigmoid", "code"]


class Gate(nn.Module):
    """Multiply `(B, *positions, C)` by one weight per position.

    A leaf with its own parameters, so that Opacus' functorch route sees one layer.
    """

    def __init__(self, channels: int, hidden: int, normalisation: Normalisation) -> None:
        super().__init__()
        self.normalisation = normalisation
        self.hidden_weight = nn.Parameter(torch.empty(hidden, channels))
        self.hidden_bias = nn.Parameter(torch.zeros(hidden))
        self.score_weight = nn.Parameter(torch.empty(1, hidden))
        # A softmax over positions does not see this shift; it stays for the published count.
        self.score_bias = nn.Parameter(torch.zeros(1))
        nn.init.xavier_uniform_(self.hidden_weight)
        nn.init.xavier_uniform_(self.score_weight)

    def forward(self, x: Tensor) -> Tensor:
        """Return the weighted activation, `(B, *positions, C)` as given."""
        if self.normalisation == "code":
            return x
        # Weights over 10^5 positions need the range of fp32; autocast must not narrow them.
        with torch.autocast(x.device.type, enabled=False):
            weighted: Tensor = _GateFunction.apply(  # type: ignore[no-untyped-call]  # torch's own
                x.flatten(1, -2),
                self.hidden_weight.to(x.dtype),
                self.hidden_bias.to(x.dtype),
                self.score_weight[0].to(x.dtype),
                self.score_bias.to(x.dtype),
                self.normalisation == "softmax_pos",
            )[0]
        return weighted.view(x.shape)


class _GateFunction(torch.autograd.Function):
    """The gate in as few passes over memory as plain tensor operations allow.

    Autograd's own graph takes over twice the time: it multiplies by matrices of one column and
    stores an activation for every factor.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(
        x: Tensor, weight: Tensor, bias: Tensor, score: Tensor, score_bias: Tensor, softmax: bool
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return the output `(B, P, C)`, hidden units `(B, P, H)` and gate `(B, P)`."""
        rows = torch.addmm(bias, x.flatten(0, 1), weight.t()).relu_()
        scores = (rows @ score + score_bias).view(x.shape[:2])
        gate = scores.softmax(1) * x.shape[1] if softmax else scores.sigmoid()
        return x * gate.unsqueeze(-1), rows.view(*x.shape[:2], -1), gate

    @staticmethod
    def setup_context(
        ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor, Tensor]
    ) -> None:
        """Keep what the backward pass reads."""
        x, weight, _, score, _, softmax = inputs
        _, hidden, gate = output
        ctx.mark_non_differentiable(hidden, gate)
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(x, weight, score, hidden, gate)
        ctx.softmax = softmax

    @staticmethod
    def backward(ctx: Any, grad: Tensor | None, *_: None) -> tuple[Tensor | None, ...]:
        """Return gradients for x and the four parameters."""
        if grad is None:
            return (None,) * 6
        x, weight, score, hidden, gate = ctx.saved_tensors
        grad_gate = (grad * x).sum(-1)
        if ctx.softmax:
            grad_scores = gate * (grad_gate - (gate * grad_gate).mean(1, keepdim=True))
        else:
            grad_scores = gate * (1 - gate) * grad_gate
        column = grad_scores.flatten()
        rows = hidden.flatten(0, 1)
        grad_rows = torch.ops.aten.threshold_backward(column.unsqueeze(-1) * score, rows, 0)
        grad_x = None
        if ctx.needs_input_grad[0]:
            direct = (grad * gate.unsqueeze(-1)).flatten(0, 1)
            grad_x = direct.addmm_(grad_rows, weight).view(x.shape)
        # The transposed product: the other way round is seven times slower at ten channels.
        grad_weight = (x.flatten(0, 1).t() @ grad_rows).t()
        return grad_x, grad_weight, grad_rows.sum(0), column @ rows, column.sum().view(1), None
