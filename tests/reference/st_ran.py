"""ST-RAN as the paper is read, in NumPy float64: one shifted sum per kernel tap.

Weights come from a state_dict of the fast network; activations are `(B, T, Z, Y, X, C)` throughout,
with Z = 1 where slices are channels.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[np.float64]]
Weights = Mapping[str, Array]

EPSILON = 1e-3


def logits(
    cine: Array, weights: Weights, *, layout: str, attention: str, batch_norm: bool = False
) -> Array:
    """Return `(B,)` for `(B, Z, T, Y, X)`; layers that `weights` lacks are absent."""
    if layout == "true_4d":
        x = cine.transpose(0, 2, 1, 3, 4)[..., None]
    else:
        x = cine.transpose(0, 2, 3, 4, 1)[:, :, None]
    x = factorised(x, weights, "stem", layout, attention)
    x = np.maximum(stem_norm(x, weights, batch_norm), 0)
    block = 0
    while f"blocks.{block}.first_norm.weight" in weights:
        x = (x[..., ::2, :, :] + x[..., 1::2, :, :]) / 2
        x = (x[..., ::2, :] + x[..., 1::2, :]) / 2
        x = residual_block(x, weights, f"blocks.{block}", layout, attention)
        block += 1
    pooled = x.mean(axis=(1, 2, 3, 4))
    return (pooled @ weights["head.weight"].T + weights["head.bias"])[:, 0]


def residual_block(x: Array, weights: Weights, at: str, layout: str, attention: str) -> Array:
    y = gate(x, weights, f"{at}.gate", attention)
    y = factorised(y, weights, f"{at}.first", layout, attention)
    y = np.maximum(layer_norm(y, weights, f"{at}.first_norm"), 0)
    y = factorised(y, weights, f"{at}.second", layout, attention)
    y = layer_norm(y, weights, f"{at}.second_norm")
    if f"{at}.shortcut.0.weight" in weights:
        x = x @ weights[f"{at}.shortcut.0.weight"].T + weights[f"{at}.shortcut.0.bias"]
        x = layer_norm(x, weights, f"{at}.shortcut.1")
    return x + y


def factorised(x: Array, weights: Weights, at: str, layout: str, attention: str) -> Array:
    x = gate(x, weights, f"{at}.gate", attention)
    if f"{at}.spatial.weight" in weights:
        kernel = weights[f"{at}.spatial.weight"]
        if layout == "true_4d":  # kernel axes z, y, x
            kernel = kernel[:, :, None]
        else:  # kernel axes y, x, t
            kernel = kernel.transpose(0, 1, 4, 2, 3)[:, :, :, None]
        x = convolution(x, kernel) + weights[f"{at}.spatial.bias"]
    if f"{at}.temporal.weight" in weights:
        taps = weights[f"{at}.temporal.weight"]
        kernel = taps.reshape(*taps.shape[:2], -1, 1, 1, 1)
        x = convolution(x, kernel) + weights[f"{at}.temporal.bias"]
    return x


def convolution(x: Array, kernel: Array) -> Array:
    """Cross-correlate over t, z, y, x with zero padding; kernel `(F, C, kt, kz, ky, kx)`."""
    reach = [size // 2 for size in kernel.shape[2:]]
    padded = np.pad(x, [(0, 0), *((r, r) for r in reach), (0, 0)])
    total = np.zeros((*x.shape[:-1], len(kernel)))
    for tap in np.ndindex(*kernel.shape[2:]):
        window = tuple(slice(i, i + n) for i, n in zip(tap, x.shape[1:5], strict=True))
        total += padded[(slice(None), *window)] @ kernel[(slice(None), slice(None), *tap)].T
    return total


def gate(x: Array, weights: Weights, at: str, attention: str) -> Array:
    if f"{at}.hidden_weight" not in weights or attention == "code":
        return x
    hidden = np.maximum(x @ weights[f"{at}.hidden_weight"].T + weights[f"{at}.hidden_bias"], 0)
    scores = hidden @ weights[f"{at}.score_weight"].T + weights[f"{at}.score_bias"]
    if attention == "sigmoid":
        return x / (1 + np.exp(-scores))
    positions = tuple(range(1, x.ndim))
    powers = np.exp(scores - scores.max(axis=positions, keepdims=True))
    return x * powers / powers.mean(axis=positions, keepdims=True)


def layer_norm(x: Array, weights: Weights, at: str) -> Array:
    centred = x - x.mean(axis=-1, keepdims=True)
    scale = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + EPSILON)
    return centred / scale * weights[f"{at}.weight"] + weights[f"{at}.bias"]


def stem_norm(x: Array, weights: Weights, batch: bool) -> Array:
    if batch:
        axes = (0, 1, 2, 3, 4)
        normal = (x - x.mean(axis=axes)) / np.sqrt(x.var(axis=axes) + EPSILON)
    else:
        grouped = x.reshape(*x.shape[:-1], 8, -1)
        axes = (1, 2, 3, 4, 6)
        centred = grouped - grouped.mean(axis=axes, keepdims=True)
        scale = np.sqrt(grouped.var(axis=axes, keepdims=True) + EPSILON)
        normal = (centred / scale).reshape(x.shape)
    return normal * weights["stem_norm.norm.weight"] + weights["stem_norm.norm.bias"]
