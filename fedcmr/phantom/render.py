"""A patient under a scanner becomes a cine: rasterised anatomy, coil bias, Rician noise."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fedcmr.phantom.heart import ANGLES, Heart, activation, stack_levels
from fedcmr.phantom.patient import Lesion, Patient
from fedcmr.phantom.scanner import Acquisition, Contrast
from fedcmr.phantom.torso import torso
from fedcmr.types import DoubleArray, FloatArray, RawCine

REACH_MM = 68.0
"""Half side of the square around the left ventricle in which anything moves."""

DEPTHS = 12
"""Layers of the wall in the table of its signal, endocardium to epicardium."""

RV_WALL_MM = 3.5
EPICARDIAL_FAT_MM = 4.0
PAPILLARY_ANGLES = (np.pi * 0.72, np.pi * 1.3)
PAPILLARY_LEVELS = (0.22, 0.72)

LGE_DELAY = 0.75
"""Of the RR interval: late enhancement is read out in diastasis."""

MVO_DEPTHS = (0.05, 0.5)
"""Where in the wall the core without blood flow lies: towards the endocardium."""
MVO_HALF_LENGTH = 0.33
"""Of the core, as a share of the infarct's."""
MVO_CORE = 0.55
"""Part of the infarct's window above which the core begins."""
MVO_SIGNAL = 0.3
"""Of the core on the cine, in units of healthy wall: bleeding into it shortens T2*."""


def render(patient: Patient, acquisition: Acquisition) -> RawCine:
    """Return the short-axis cine as the scanner measures it, (Z, T, Y, X), base to apex.

    Its unit is the stored one, times slope. Noise is Rician: the magnitude of a complex signal
    with equal Gaussian noise on both parts (Gudbjartsson and Patz, Magn Reson Med 1995).
    """
    contrast = acquisition.scanner.contrast
    heart = stack(patient, acquisition)
    signal = anatomy(heart, acquisition, contrast, wall_signal(heart, contrast.myocardium))
    signal *= coil_bias(acquisition)
    add_noise(signal, acquisition.noise, np.random.default_rng((acquisition.seed, 1)))
    signal *= acquisition.scanner.gain
    return signal


def stack(patient: Patient, acquisition: Acquisition) -> Heart:
    """Return the ventricle cut where the slices lie."""
    levels = stack_levels(patient.length_mm, acquisition.slices, acquisition.slice_distance_mm)
    return Heart(patient, levels, acquisition.slice_distance_mm)


def phase_times(acquisition: Acquisition) -> DoubleArray:
    """Return the middle of each phase, in RR intervals after the R wave, (T,).

    A still image is one of late enhancement.
    """
    if acquisition.phases == 1:
        return np.array([LGE_DELAY])
    start = np.random.default_rng((acquisition.seed, 2)).uniform(0.2, 0.8)
    times: DoubleArray = (start + np.arange(acquisition.phases)) / acquisition.phases
    return times


def coil_bias(acquisition: Acquisition) -> FloatArray:
    """Return the smooth field of the receive coils, (Y, X), 1 at the image centre.

    Zero outside a round field of view.
    """
    x, y = pixel_mm(acquisition)
    reach = acquisition.pixels * acquisition.spacing_mm / 2
    field = np.exp((acquisition.bias[0] * x + acquisition.bias[1] * y) / reach)
    return field * (np.hypot(x, y) < reach) if acquisition.scanner.round_view else field


def add_noise(signal: FloatArray, sigma: float, rng: np.random.Generator) -> None:
    """Turn `signal` into its magnitude under complex noise of `sigma` per part, in place.

    Where the signal is exactly zero (outside a round field of view) it stays zero.
    """
    outside = signal == 0
    noise = rng.standard_normal(signal.shape, np.float32)
    noise *= sigma
    signal += noise
    np.multiply(signal, signal, out=signal)
    rng.standard_normal(dtype=np.float32, out=noise)
    noise *= sigma
    np.multiply(noise, noise, out=noise)
    signal += noise
    np.sqrt(signal, out=signal)
    signal[outside] = 0


def anatomy(
    heart: Heart, acquisition: Acquisition, contrast: Contrast, wall: FloatArray
) -> FloatArray:
    """Return the cine without bias and noise, in units of blood, (Z, T, Y, X).

    Args:
        heart: cut where the slices lie.
        acquisition: matrix and phases.
        contrast: signal of every tissue but the left ventricle's wall.
        wall: signal of that wall in its own coordinates, (Z, A, DEPTHS).
    """
    patient = heart.patient
    times = phase_times(acquisition)
    shape = (acquisition.slices, acquisition.phases, acquisition.pixels, acquisition.pixels)
    cine = np.empty(shape, np.float32)
    x, y = pixel_mm(acquisition)
    centres = slice_centres(patient, acquisition)
    columns, rows = (
        _window(axis.ravel(), middle)
        for axis, middle in zip((x, y), patient.centre_mm, strict=True)
    )
    endocardium, epicardium = (r.astype(np.float32) for r in heart.contours_mm(times))
    contraction = activation(times).astype(np.float32)
    for z, level in enumerate(heart.levels):
        cine[z] = torso(patient, contrast, x, y, float(level))
        cine[z, :, rows, columns] = _beat(
            cine[z, 0, rows, columns],
            x[:, columns] - centres[z, 0],
            y[rows] - centres[z, 1],
            Ring(endocardium[:, z], epicardium[:, z], wall[z], contraction, float(level)),
            patient,
            contrast,
            np.float32(acquisition.spacing_mm),
        )
    return cine


def slice_centres(patient: Patient, acquisition: Acquisition) -> FloatArray:
    """Return the ventricle's centre (x, y) in each slice, mm from the image centre, (Z, 2).

    Every slice is another breath-hold, so the heart is not quite where it was.
    """
    rng = np.random.default_rng((acquisition.seed, 3))
    drift = rng.normal(0, 1.0, (acquisition.slices, 2))
    return (np.array(patient.centre_mm) + drift).astype(np.float32)


def wall_signal(heart: Heart, myocardium: float) -> FloatArray:
    """Return the signal of the wall in coordinates that move with it, (Z, A, DEPTHS).

    Healthy wall is slightly uneven. A lesion is bright and mottled, MVO in it dark and even.
    """
    rng = np.random.default_rng(heart.patient.texture_seed)
    shape = (len(heart.levels), ANGLES, DEPTHS)
    signal = myocardium * (1 + 0.05 * _mottle(rng, shape))
    lesion = heart.patient.lesion
    if lesion is not None:
        extent = lesion_extent(heart, lesion)
        spots = 1 + 0.8 * _mottle(rng, shape)
        signal += myocardium * lesion.contrast * extent * spots
        signal[mvo_core(heart)] = MVO_SIGNAL * myocardium
    return signal.astype(np.float32)


def lesion_extent(heart: Heart, lesion: Lesion) -> DoubleArray:
    """Return how much of each part of the wall is scarred, 0..1, (Z, A, DEPTHS)."""
    depth = (np.arange(DEPTHS) + 0.5) / DEPTHS
    inside = (depth >= lesion.depth[0]) & (depth <= lesion.depth[1])
    return heart.window(lesion.patch)[:, :, None] * inside


def mvo_core(heart: Heart) -> NDArray[np.bool_]:
    """Return which parts of the wall have no blood flow at all, (Z, A, DEPTHS).

    The core of the infarct: its inner half and its middle third along the heart's long axis.
    """
    lesion = heart.patient.lesion
    shape = (len(heart.levels), ANGLES, DEPTHS)
    if lesion is None or not heart.patient.mvo:
        return np.zeros(shape, bool)
    depth = (np.arange(DEPTHS) + 0.5) / DEPTHS
    deep = (depth >= MVO_DEPTHS[0]) & (depth <= MVO_DEPTHS[1])
    middle = np.abs(heart.levels - lesion.patch.level) < MVO_HALF_LENGTH * lesion.patch.half_length
    core: NDArray[np.bool_] = lesion_extent(heart, lesion) > MVO_CORE
    return core & deep & middle[:, None, None]


@dataclass(frozen=True)
class Ring:
    """One slice of the ventricle over time: contours (T, A), wall signal (A, DEPTHS)."""

    endocardium: FloatArray
    epicardium: FloatArray
    signal: FloatArray
    contraction: FloatArray
    level: float


def _beat(
    still: FloatArray,
    x: FloatArray,
    y: FloatArray,
    ring: Ring,
    patient: Patient,
    contrast: Contrast,
    pixel: np.float32,
) -> FloatArray:
    """Paint the beating heart over `still` (Y, X); x (1, X) and y (Y, 1) in mm from its centre."""
    radius = np.hypot(x, y)
    # Angles run clockwise on the screen from the septum: y points down.
    angle = np.arctan2(y, x) - np.float32(patient.septum_angle)
    column = np.mod(np.rint(angle * (ANGLES / (2 * np.pi))).astype(np.intp), ANGLES)
    endocardium, epicardium = ring.endocardium[:, column], ring.epicardium[:, column]

    frames = np.repeat(still[None], len(ring.contraction), axis=0)
    _blend(frames, contrast.fat * 0.8, (epicardium + EPICARDIAL_FAT_MM - radius) / pixel)
    for distance, outer in _right_ventricle(x, y, ring, patient):
        _blend(frames, contrast.myocardium if outer else contrast.blood, distance / pixel)
    depth = (radius - endocardium) / (epicardium - endocardium) * DEPTHS
    layer = np.clip(depth, 0, DEPTHS - 1).astype(np.intp)
    _blend(frames, ring.signal.ravel()[column * DEPTHS + layer], (epicardium - radius) / pixel)
    _blend(frames, contrast.blood, (endocardium - radius) / pixel)
    if PAPILLARY_LEVELS[0] < ring.level < PAPILLARY_LEVELS[1]:
        for distance in _papillaries(x, y, ring, patient):
            _blend(frames, contrast.myocardium, distance / pixel)
    return frames


def _right_ventricle(
    x: FloatArray, y: FloatArray, ring: Ring, patient: Patient
) -> Iterator[tuple[FloatArray, bool]]:
    """Signed distance (mm, positive inside) to the outer wall (True), then to the cavity."""
    size = np.sqrt(max(1 - (1.05 * ring.level) ** 2, 0.0))
    if size < 0.25:
        return
    cos, sin = np.cos(patient.septum_angle), np.sin(patient.septum_angle)
    across, along = x * cos + y * sin, -x * sin + y * cos
    squeeze = 1 - 0.22 * ring.contraction[:, None, None]
    septum = float(ring.epicardium[0].mean())
    half_across, half_along = 26 * size * squeeze, 36 * size * squeeze
    for outer in (True, False):
        a = half_across + RV_WALL_MM * outer
        b = half_along + RV_WALL_MM * outer
        reach = np.sqrt(((across - 0.75 * septum) / a) ** 2 + (along / b) ** 2)
        yield ((1 - reach) * np.minimum(a, b)).astype(np.float32), outer


def _papillaries(
    x: FloatArray, y: FloatArray, ring: Ring, patient: Patient
) -> Iterator[FloatArray]:
    for angle in PAPILLARY_ANGLES:
        cavity = ring.endocardium[:, round(angle * ANGLES / (2 * np.pi)) % ANGLES]
        turned = angle + patient.septum_angle
        px = (0.66 * cavity * np.float32(np.cos(turned)))[:, None, None]
        py = (0.66 * cavity * np.float32(np.sin(turned)))[:, None, None]
        # A muscle keeps its volume while the cavity shrinks around it.
        size = np.float32(0.17) * cavity[:1] * (1 + np.float32(0.1) * ring.contraction)
        yield size[:, None, None] - np.hypot(x - px, y - py)


def _blend(frames: FloatArray, signal: FloatArray | float, pixels_inside: FloatArray) -> None:
    """Cover with `signal` by the part of each pixel that lies inside; in place."""
    cover = np.clip(pixels_inside + np.float32(0.5), 0, 1)
    frames += cover * (signal - frames)


def _mottle(rng: np.random.Generator, shape: tuple[int, ...]) -> DoubleArray:
    """Blotches of some 10 degrees and a third of the wall, mean 0, about -1..1."""
    z, angles, depths = shape
    coarse = rng.uniform(-1, 1, (z, angles // 5, depths // 4))
    return coarse.repeat(5, axis=1).repeat(4, axis=2)


def pixel_mm(acquisition: Acquisition) -> tuple[FloatArray, FloatArray]:
    """Return x (1, X) and y (Y, 1) of the pixel centres, mm from the image centre."""
    middle = (acquisition.pixels - 1) / 2
    axis = (np.arange(acquisition.pixels, dtype=np.float32) - middle) * acquisition.spacing_mm
    axis = axis.astype(np.float32)
    return axis[None, :], axis[:, None]


def _window(axis_mm: FloatArray, centre_mm: float) -> slice:
    near = np.flatnonzero(np.abs(axis_mm - centre_mm) < REACH_MM)
    return slice(int(near[0]), int(near[-1]) + 1)
