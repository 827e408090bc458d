"""What lies around the heart: subcutaneous fat, chest wall, lungs, liver, spine, aorta."""

import numpy as np

from fedcmr.phantom.patient import Patient
from fedcmr.phantom.scanner import Contrast
from fedcmr.types import FloatArray

CHEST_WALL_MM = 14.0
LIVER_FROM_LEVEL = 0.35
"""Long-axis level of the heart below which the liver comes into view."""


def torso(
    patient: Patient, contrast: Contrast, x: FloatArray, y: FloatArray, level: float
) -> FloatArray:
    """Paint one slice without the heart, (Y, X), in units of blood.

    Args:
        patient: whose body.
        contrast: tissue signals.
        x: millimetres right of the image centre, (1, X).
        y: millimetres below the image centre, (Y, 1).
        level: of the slice along the heart's long axis (0 base, 1 apex).
    """
    wide, high = patient.body_mm
    heart_x, heart_y = patient.centre_mm
    canvas = np.full((y.size, x.size), 0.02 * contrast.fat, np.float32)
    inner = patient.fat_mm + CHEST_WALL_MM
    canvas[_inside(x, y, 0, 0, wide, high)] = contrast.fat
    canvas[_inside(x, y, 0, 0, wide - patient.fat_mm, high - patient.fat_mm)] = contrast.muscle
    canvas[_inside(x, y, 0, 0, wide - inner, high - inner)] = contrast.lung
    if level > LIVER_FROM_LEVEL:
        reach = 35 + 60 * (level - LIVER_FROM_LEVEL)
        left = _inside(x, y, heart_x - 60, heart_y + 95, reach + 25, reach)
        canvas[left & _inside(x, y, 0, 0, wide - inner, high - inner)] = contrast.liver
    canvas[_inside(x, y, -10, high - 28, 26, 24)] = contrast.muscle
    canvas[_inside(x, y, 22, high - 50, 13, 13)] = 0.9 * contrast.blood
    return canvas


def _inside(
    x: FloatArray, y: FloatArray, centre_x: float, centre_y: float, half_x: float, half_y: float
) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    return ((x - centre_x) / half_x) ** 2 + ((y - centre_y) / half_y) ** 2 < 1
