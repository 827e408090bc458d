"""ST-RAN in Keras, the library of the released code, slices as channels: `(B, T, Y, X, Z)`."""

from typing import Any

import keras

from fedcmr.models.layers.normalisation import EPSILON
from fedcmr.models.st_ran import WIDTHS


def keras_st_ran(phases: int, size: int, slices: int) -> Any:
    """Return a model that maps `(B, phases, size, size, slices)` to logits `(B, 1)`."""
    layers = keras.layers
    cine = keras.Input((phases, size, size, slices))
    x = _factorised(cine, WIDTHS[0])
    x = layers.ReLU()(layers.GroupNormalization(8, epsilon=EPSILON)(x))
    for width in WIDTHS[1:]:
        x = layers.AveragePooling3D((1, 2, 2))(x)
        y = _factorised(_gated(x, width), width)
        y = layers.ReLU()(layers.LayerNormalization(epsilon=EPSILON)(y))
        y = layers.LayerNormalization(epsilon=EPSILON)(_factorised(y, width))
        if x.shape[-1] != width:
            x = layers.LayerNormalization(epsilon=EPSILON)(layers.Dense(width)(x))
        x = layers.Add()([x, y])
    return keras.Model(cine, layers.Dense(1)(layers.GlobalAveragePooling3D()(x)))


def _factorised(x: Any, width: int) -> Any:
    layers = keras.layers
    x = layers.Conv3D(width, 3, padding="same")(_gated(x, width))
    return layers.Conv3D(width, (11, 1, 1), padding="same")(x)


def _gated(x: Any, width: int) -> Any:
    layers = keras.layers
    scores = layers.Flatten()(layers.Dense(1)(layers.Dense(width, activation="relu")(x)))
    gate = layers.Rescaling(float(scores.shape[1]))(layers.Softmax()(scores))
    return layers.Multiply()([x, layers.Reshape((*x.shape[1:-1], 1))(gate)])
