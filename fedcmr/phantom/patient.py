"""One synthetic patient: demographics, left-ventricular shape, motion and lesion.

Everything that a child could measure (ejection fraction, heart size, regional wall motion) is
drawn without looking at the scar label, so that only the lesion itself gives the label away.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

Sex: TypeAlias = Literal["F", "M"]
Aetiology: TypeAlias = Literal["ischaemic", "non-ischaemic", "none"]

# Angles run clockwise on the screen from the direction of the septum: 0 is mid-septal, a quarter
# turn further lies the anterior wall, half a turn the lateral wall.
TERRITORIES = {"LAD": np.pi * 0.35, "LCx": np.pi * 1.0, "RCA": np.pi * 1.6}
MID_WALL_SITES = (0.0, np.pi * 0.85)


@dataclass(frozen=True)
class Patch:
    """Part of the wall: soft windows over angle and over the long axis (0 base, 1 apex)."""

    angle: float
    half_width: float
    level: float
    half_length: float


@dataclass(frozen=True)
class Lesion:
    """Scarred wall: where, how deep (0 endocardium, 1 epicardium), how thin and how bright.

    Larger and brighter than in people, so that a demo of minutes can learn it: docs/phantoms.md.
    """

    patch: Patch
    depth: tuple[float, float]
    thinning: float
    contrast: float


@dataclass(frozen=True)
class Hypokinesia:
    """Wall that shortens by `remaining` (0..1) of what its neighbours do."""

    patch: Patch
    remaining: float


@dataclass(frozen=True)
class Patient:
    """A heart and the person around it; lengths in mm, angles in radians, times in ms."""

    sex: Sex
    age: int
    aetiology: Aetiology
    lesion: Lesion | None
    mvo: bool
    hypokinesia: Hypokinesia | None
    endocardial_radius_mm: float
    length_mm: float
    wall_mm: float
    ellipticity: float
    ejection_fraction: float
    septum_angle: float
    centre_mm: tuple[float, float]
    body_mm: tuple[float, float]
    fat_mm: float
    rr_ms: float
    texture_seed: int

    @property
    def scar(self) -> bool:
        """Whether the wall carries a lesion."""
        return self.lesion is not None


def draw_patient(rng: np.random.Generator) -> Patient:
    """Draw one patient; about half carry a scar, and a third of those an MVO."""
    sex: Sex = "F" if rng.random() < 0.4 else "M"
    aetiology, lesion, hypokinesia = _draw_disease(rng)
    big_infarct = lesion is not None and aetiology == "ischaemic" and lesion.depth[1] > 0.8
    # The same mixture of good and poor pumps with and without a scar.
    fraction = rng.uniform(0.52, 0.66) if rng.random() < 0.4 else rng.uniform(0.26, 0.5)
    return Patient(
        sex=sex,
        age=int(np.clip(rng.normal(61, 12), 21, 88)),
        aetiology=aetiology,
        lesion=lesion,
        mvo=bool(big_infarct and rng.random() < 0.75),
        hypokinesia=hypokinesia,
        endocardial_radius_mm=float(np.clip(rng.normal(27 if sex == "M" else 25, 1.2), 22, 31)),
        length_mm=float(rng.uniform(78, 104)),
        wall_mm=float(rng.uniform(9.5, 11.0)),
        ellipticity=float(rng.uniform(0.0, 0.08)),
        ejection_fraction=float(fraction),
        septum_angle=float(np.pi + rng.uniform(-0.2, 0.2)),
        centre_mm=(float(rng.uniform(-12, 12)), float(rng.uniform(-12, 12))),
        body_mm=(float(rng.uniform(150, 185)), float(rng.uniform(105, 130))),
        fat_mm=float(rng.uniform(8, 26)),
        rr_ms=float(rng.uniform(650, 1150)),
        texture_seed=int(rng.integers(2**32)),
    )


def _draw_disease(
    rng: np.random.Generator,
) -> tuple[Aetiology, Lesion | None, Hypokinesia | None]:
    kind = rng.choice(["infarct", "mid-wall", "stunned", "no lesion"], p=[0.3, 0.2, 0.3, 0.2])
    territory = _territory(rng)
    if kind == "infarct":
        inner_to = float(rng.uniform(0.75, 1.0))
        lesion = Lesion(territory, (0.0, inner_to), float(rng.uniform(0.2, 0.4)), _contrast(rng))
        return "ischaemic", lesion, Hypokinesia(territory, float(rng.uniform(0.0, 0.4)))
    if kind == "mid-wall":
        patch = Patch(
            angle=float(rng.choice(MID_WALL_SITES) + rng.normal(0, 0.15)),
            half_width=float(rng.uniform(2.0, 2.8)),
            level=float(rng.uniform(0.4, 0.6)),
            half_length=float(rng.uniform(0.9, 1.2)),
        )
        return "non-ischaemic", Lesion(patch, (0.2, 0.8), 0.0, _contrast(rng)), None
    if kind == "stunned":
        return "ischaemic", None, Hypokinesia(territory, float(rng.uniform(0.0, 0.4)))
    return ("non-ischaemic" if rng.random() < 0.5 else "none"), None, None


def _territory(rng: np.random.Generator) -> Patch:
    return Patch(
        angle=float(TERRITORIES[str(rng.choice(list(TERRITORIES)))] + rng.normal(0, 0.12)),
        half_width=float(rng.uniform(1.7, 2.2)),
        level=float(rng.uniform(0.4, 0.6)),
        half_length=float(rng.uniform(0.9, 1.2)),
    )


def _contrast(rng: np.random.Generator) -> float:
    return float(rng.uniform(2.3, 2.8))
