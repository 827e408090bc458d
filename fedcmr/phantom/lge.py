"""Late gadolinium enhancement of the same heart: bright scar, dark MVO core, in diastole."""

from dataclasses import replace

import numpy as np

from fedcmr.phantom.patient import Patient
from fedcmr.phantom.render import (
    DEPTHS,
    add_noise,
    anatomy,
    coil_bias,
    lesion_extent,
    mvo_core,
    stack,
)
from fedcmr.phantom.scanner import Acquisition, Contrast
from fedcmr.types import FloatArray

NULLED = Contrast(blood=0.55, myocardium=0.0, fat=0.9, lung=0.03, muscle=0.12, liver=0.35)
"""Inversion-recovery signal after nulling the healthy wall, in units of enhanced scar."""

SCAR = 1.0
SHORT_OF_NULL = -0.12
"""Real-part signal of healthy wall and MVO: the inversion time is a little too short."""


def render_lge(patient: Patient, acquisition: Acquisition) -> tuple[FloatArray, FloatArray]:
    """Return magnitude and phase-sensitive real part, each (Z, Y, X), in units of scar.

    The matrix is that of the cine.
    """
    still = replace(acquisition, phases=1)
    heart = stack(patient, still)
    wall = np.full((*heart.mobility.shape, DEPTHS), SHORT_OF_NULL, np.float32)
    if patient.lesion is not None:
        extent = lesion_extent(heart, patient.lesion)
        wall += (SCAR - SHORT_OF_NULL) * extent.astype(np.float32)
        wall[mvo_core(heart)] = SHORT_OF_NULL
    real = anatomy(heart, still, NULLED, wall)[:, 0] * coil_bias(still)
    rng = np.random.default_rng((acquisition.seed, 4))
    magnitude = np.abs(real)
    add_noise(magnitude, acquisition.noise, rng)
    real += acquisition.noise * rng.standard_normal(real.shape, np.float32)
    return magnitude, real
