"""Scanners: what a vendor and a field strength do to the picture, and how a study is acquired."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Contrast:
    """Balanced steady-state signal of each tissue, in units of blood at the body centre."""

    blood: float
    myocardium: float
    fat: float
    lung: float
    muscle: float
    liver: float


@dataclass(frozen=True)
class Scanner:
    """A scanner; of a range or a tuple, one value is drawn for each study.

    `gain` is the stored value of blood, `noise` the standard deviation of the noise in each part
    of the complex signal, in units of blood, and `bias` the logarithm of the coil's brightest
    over its middle signal. A `round_view` is zero outside the circle that the gradients cover.
    """

    manufacturer: str
    vendor: str
    model: str
    software: str
    field_strength: float
    sequence: str
    contrast: Contrast
    gain: float
    slope: float
    signed: bool
    noise: tuple[float, float]
    bias: float
    round_view: bool
    pixels: tuple[int, ...]
    spacing_mm: tuple[float, float]
    slice_distances_mm: tuple[float, ...]
    thickness_mm: float
    phases: tuple[int, ...]


@dataclass(frozen=True)
class Acquisition:
    """How one patient was scanned: (Z, T, Y, X) = (slices, phases, pixels, pixels)."""

    scanner: Scanner
    pixels: int
    spacing_mm: float
    slice_distance_mm: float
    slices: int
    phases: int
    noise: float
    bias: tuple[float, float]
    seed: int


FEWEST_SLICES, MOST_SLICES = 8, 14
STACK_COVERS = 0.95
"""Part of the long axis that a planned stack covers."""


def acquire(scanner: Scanner, length_mm: float, rng: np.random.Generator) -> Acquisition:
    """Plan the stack for a left ventricle of `length_mm`."""
    distance = float(rng.choice(scanner.slice_distances_mm))
    slices = round(STACK_COVERS * length_mm / distance) + 1
    angle = rng.uniform(0, 2 * np.pi)
    return Acquisition(
        scanner=scanner,
        pixels=int(rng.choice(scanner.pixels)),
        spacing_mm=round(float(rng.uniform(*scanner.spacing_mm)), 4),
        slice_distance_mm=distance,
        slices=min(max(slices, FEWEST_SLICES), MOST_SLICES),
        phases=int(rng.choice(scanner.phases)),
        noise=float(rng.uniform(*scanner.noise)),
        bias=(scanner.bias * float(np.cos(angle)), scanner.bias * float(np.sin(angle))),
        seed=int(rng.integers(2**32)),
    )
