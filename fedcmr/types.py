"""Array aliases and the closed word lists that several floors share."""

from enum import IntEnum
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Split: TypeAlias = Literal["train", "validation", "test"]
"""Part of a data set; a patient belongs to exactly one."""

FloatArray: TypeAlias = NDArray[np.float32]
DoubleArray: TypeAlias = NDArray[np.float64]

RawCine: TypeAlias = NDArray[np.float32]
"""Short-axis cine as scanned, rescaled to stored units: (Z, T, Y, X)."""

StoredCine: TypeAlias = NDArray[np.uint16]
"""Preprocessed short-axis cine as kept in a data set: (Z, T, Y, X), 65535 = intensity 1.0."""

StoredMask: TypeAlias = NDArray[np.uint8]
"""Late-enhancement mask on the grid of a stored cine: (Z, Y, X), values of `MaskLabel`."""

STORED_MAX = 65535
"""Stored value that stands for intensity 1.0."""


class MaskLabel(IntEnum):
    """Values of a mask of late enhancement."""

    BACKGROUND = 0
    INFARCT = 1
    MVO = 2
    MYOCARDIUM = 3
