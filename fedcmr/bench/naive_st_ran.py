"""ST-RAN with the weights of a `StRan`, written the way the paper reads; the measure of speed.

Channels come second, `(B, C, T, Y, X)` or `(B, C, T, Z, Y, X)`, and every tensor is contiguous:
fold frames into the batch for space, permute and fold places into the batch for time, permute for
norms.
"""

from collections.abc import Mapping

import torch.nn.functional as F
from torch import Tensor

from fedcmr.models.layers.normalisation import EPSILON
from fedcmr.models.st_ran import WIDTHS, StRan


def naive_logits(model: StRan, cine: Tensor) -> Tensor:
    """Return `(B,)` for `(B, Z, T, Y, X)`; softmax over positions, group norm.

    Gradients reach the parameters of `model`.
    """
    weights = dict(model.named_parameters())
    if model.layout == "true_4d":
        x = cine.transpose(1, 2).unsqueeze(1).contiguous()
    else:
        x = cine.contiguous()
    x = _factorised(x, weights, "stem")
    norm = weights["stem_norm.norm.weight"], weights["stem_norm.norm.bias"]
    x = F.relu(F.group_norm(x, 8, *norm, EPSILON))
    for index in range(len(WIDTHS) - 1):
        x = _residual(_halve(x), weights, f"blocks.{index}")
    return F.linear(x.flatten(2).mean(2), weights["head.weight"], weights["head.bias"])[:, 0]


def _residual(x: Tensor, weights: Mapping[str, Tensor], at: str) -> Tensor:
    y = _factorised(_gated(x, weights, f"{at}.gate"), weights, f"{at}.first")
    y = F.relu(_layer_norm(y, weights, f"{at}.first_norm"))
    y = _layer_norm(_factorised(y, weights, f"{at}.second"), weights, f"{at}.second_norm")
    if f"{at}.shortcut.0.weight" in weights:
        x = _dense(x, weights[f"{at}.shortcut.0.weight"], weights[f"{at}.shortcut.0.bias"])
        x = _layer_norm(x, weights, f"{at}.shortcut.1")
    return x + y


def _factorised(x: Tensor, weights: Mapping[str, Tensor], at: str) -> Tensor:
    x = _gated(x, weights, f"{at}.gate")
    space, time = weights[f"{at}.spatial.weight"], weights[f"{at}.temporal.weight"]
    biases = weights[f"{at}.spatial.bias"], weights[f"{at}.temporal.bias"]
    if x.ndim == 5:
        x = F.conv3d(x, space.permute(0, 1, 4, 2, 3).contiguous(), biases[0], padding=1)
        # In 3-D one thread gets a kernel several times slower for 11x1x1; this view costs nothing.
        y = F.conv2d(x.flatten(3), time.view(*time.shape[:2], -1, 1), biases[1], padding=(5, 0))
        return y.view(*y.shape[:3], *x.shape[3:])
    frames = x.transpose(1, 2).flatten(0, 1).contiguous()
    frames = F.conv3d(frames, space, biases[0], padding=1)
    x = (
        frames.view(x.shape[0], x.shape[2], *frames.shape[1:])
        .permute(0, 3, 4, 5, 2, 1)
        .contiguous()
    )
    places = F.conv1d(x.flatten(0, 3), time.view(*time.shape[:2], -1), biases[1], padding=5)
    return places.view(*x.shape[:4], -1, x.shape[-1]).permute(0, 4, 5, 1, 2, 3).contiguous()


def _gated(x: Tensor, weights: Mapping[str, Tensor], at: str) -> Tensor:
    if f"{at}.hidden_weight" not in weights:
        return x
    hidden = F.relu(_dense(x, weights[f"{at}.hidden_weight"], weights[f"{at}.hidden_bias"]))
    scores = _dense(hidden, weights[f"{at}.score_weight"], weights[f"{at}.score_bias"]).flatten(1)
    gate = scores.softmax(1) * scores.shape[1]
    return x * gate.view(len(x), 1, *x.shape[2:])


def _dense(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return F.linear(x.movedim(1, -1), weight, bias).movedim(-1, 1).contiguous()


def _layer_norm(x: Tensor, weights: Mapping[str, Tensor], at: str) -> Tensor:
    weight, bias = weights[f"{at}.weight"], weights[f"{at}.bias"]
    last = F.layer_norm(x.movedim(1, -1), weight.shape, weight, bias, EPSILON)
    return last.movedim(-1, 1).contiguous()


def _halve(x: Tensor) -> Tensor:
    height, width = x.shape[-2] // 2, x.shape[-1] // 2
    images = F.interpolate(x.flatten(1, -3), size=(height, width), mode="bilinear")
    return images.view(*x.shape[:-2], height, width)
