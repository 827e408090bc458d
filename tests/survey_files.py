"""Sites with data sets in memory, as a survey counts them: enough of them to show and to hide."""

import numpy as np

from fedcmr.data.record import StudyRecord
from fedcmr.evaluation.strata import levels
from fedcmr.survey.measures import INTENSITY_BINS, MEASURES
from fedcmr.survey.sums import SURVEYED, StratumCounts, SurveySums


def records(
    site: str, n: int, *, seed: int, prevalence: float = 0.4, **fixed: object
) -> list[StudyRecord]:
    rng = np.random.default_rng(seed)
    made = []
    for index in range(n):
        split = ("train", "train", "train", "validation", "test")[index % 5]
        values: dict[str, object] = {
            "study": f"{site}{index}",
            "patient": f"{site}{index}",
            "vendor": "GE",
            "field_strength": str(rng.choice(["1.5T", "3T"])),
            "model": "SIGNA",
            "sex": str(rng.choice(["F", "M"])),
            "age_band": str(rng.choice(["40-49", "50-59", "60-69"])),
            "aetiology": str(rng.choice(["ischaemic", "non-ischaemic", "unknown"])),
            "scar": int(rng.random() < prevalence),
            "mvo": None,
            "split": split,
            "slices": int(rng.integers(8, 13)),
            "phases": int(rng.choice([20, 25, 30])),
            "spacing_mm": float(rng.normal(1.4, 0.1)),
            "slice_distance_mm": 8.0,
            "rr_ms": float(rng.normal(900, 120)),
            "flags": ("rr_varies",) if rng.random() < 0.1 else (),
        }
        made.append(StudyRecord(**(values | fixed)))  # type: ignore[arg-type]  # values by name
    return made


def sums(site: str, n: int, *, seed: int, **fixed: object) -> SurveySums:
    made = records(site, n, seed=seed, **fixed)  # type: ignore[arg-type]  # prevalence among them
    counts: dict[tuple[tuple[str, ...], tuple[str, ...]], tuple[int, int]] = {((), ()): (0, 0)}
    for record in made:
        level = levels(record) | {"split": record.split}
        label = record.scar or 0
        for by in ((), *SURVEYED):
            key = (by, tuple(level[name] for name in by))
            positive, negative = counts.get(key, (0, 0))
            counts[key] = (positive + label, negative + 1 - label)
    shape = np.exp(-((np.arange(INTENSITY_BINS) - 6 - seed) ** 2) / 40)
    return SurveySums(
        phantom=True,
        patients=n,
        unlabelled=3,
        samples=n,
        positive_samples=sum(record.scar or 0 for record in made),
        strata=tuple(
            StratumCounts(by=by, level=level, positive=p, negative=q)
            for (by, level), (p, q) in sorted(counts.items())
        ),
        measures={measure.name: measure.histogram(tuple(made)) for measure in MEASURES},
        intensity=tuple((shape / shape.sum() * n).round(6).tolist()),
    )


def sites() -> dict[str, SurveySums]:
    """Four sites: two alike, one of another kind, one whose data cannot serve."""
    return {
        "north": sums("north", 240, seed=0),
        "south": sums("south", 180, seed=1, vendor="Siemens", model="Avanto"),
        "east": sums("east", 150, seed=4, vendor="Philips", model="Ingenia", prevalence=0.15),
        "west": sums("west", 60, seed=2, scar=0, spacing_mm=2.8, vendor="GE"),
    }
