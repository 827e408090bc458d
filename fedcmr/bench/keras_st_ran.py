"""ST-RAN in Keras, the library of the released code, with channels last as it has them."""

from math import prod
from typing import Any

import keras

from fedcmr.models.layers.factorised import Layout
from fedcmr.models.layers.normalisation import EPSILON
from fedcmr.models.st_ran import WIDTHS


def keras_st_ran(layout: Layout, phases: int, size: int, slices: int) -> Any:
    """Return a model of logits `(B, 1)`.

    Its input is `(B, T, Y, X, Z)`, or `(B, T, Z, Y, X, 1)` in the 4-D layout, where frames fold
    into the batch for space and places into one axis for time: Keras has no 4-D convolution.
    """
    layers = keras.layers
    plane = (size, size)
    cine = keras.Input(
        (phases, slices, *plane, 1) if layout == "true_4d" else (phases, *plane, slices)
    )
    x = _factorised(cine, WIDTHS[0])
    x = layers.ReLU()(layers.GroupNormalization(8, epsilon=EPSILON)(x))
    for width in WIDTHS[1:]:
        x = _halved(x)
        y = _factorised(_gated(x, width), width)
        y = layers.ReLU()(layers.LayerNormalization(epsilon=EPSILON)(y))
        y = layers.LayerNormalization(epsilon=EPSILON)(_factorised(y, width))
        if x.shape[-1] != width:
            x = layers.LayerNormalization(epsilon=EPSILON)(layers.Dense(width)(x))
        x = layers.Add()([x, y])
    rows = layers.Reshape((prod(x.shape[1:-1]), x.shape[-1]))(x)
    return keras.Model(cine, layers.Dense(1)(layers.GlobalAveragePooling1D()(rows)))


def _factorised(x: Any, width: int) -> Any:
    layers, reshape = keras.layers, keras.ops.reshape
    x = _gated(x, width)
    if len(x.shape) == 5:
        x = layers.Conv3D(width, 3, padding="same")(x)
        return layers.Conv3D(width, (11, 1, 1), padding="same")(x)
    _, phases, *volume, channels = x.shape
    x = layers.Conv3D(width, 3, padding="same")(reshape(x, (-1, *volume, channels)))
    x = layers.Conv2D(width, (11, 1), padding="same")(reshape(x, (-1, phases, prod(volume), width)))
    return reshape(x, (-1, phases, *volume, width))


def _gated(x: Any, width: int) -> Any:
    layers = keras.layers
    scores = layers.Flatten()(layers.Dense(1)(layers.Dense(width, activation="relu")(x)))
    gate = layers.Rescaling(float(scores.shape[1]))(layers.Softmax()(scores))
    return layers.Multiply()([x, layers.Reshape((*x.shape[1:-1], 1))(gate)])


def _halved(x: Any) -> Any:
    layers, reshape = keras.layers, keras.ops.reshape
    if len(x.shape) == 5:
        return layers.AveragePooling3D((1, 2, 2))(x)
    _, phases, slices, height, width, channels = x.shape
    images = layers.AveragePooling2D(2)(reshape(x, (-1, height, width, channels)))
    return reshape(images, (-1, phases, slices, height // 2, width // 2, channels))
