"""What a site sends about its data set: counts that add up, never a study."""

import math
from collections.abc import Collection, Sequence
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from fedcmr.data.store import Dataset
from fedcmr.errors import ConfigurationError, DataError
from fedcmr.evaluation.strata import NOT_GIVEN, VIEWS, levels
from fedcmr.evaluation.sums import MOST_CASES, Count, Word
from fedcmr.settings import Settings, parse_json
from fedcmr.survey.measures import INTENSITY_BINS, MEASURES, intensity_shares
from fedcmr.tasks.task import Task

SURVEYED = {("split",): (("split",),), **VIEWS}
"""Table by whose joint levels studies are counted, to what is printed of it."""

DECIMALS = 6
"""Of intensity shares: enough for any distance, and the same text on every machine."""

Share = Annotated[float, Field(strict=True, ge=0)]
Key = tuple[tuple[str, ...], tuple[str, ...]]


class StratumCounts(Settings):
    """Labelled studies of one stratum; `by` and `level` are empty for all of them."""

    by: tuple[Word, ...]
    level: tuple[Word, ...]
    positive: Count
    negative: Count

    @property
    def key(self) -> Key:
        """What the stratum is: (by, level)."""
        return self.by, self.level

    @property
    def n(self) -> int:
        """Studies."""
        return self.positive + self.negative


class SurveySums(Settings):
    """Sums over the labelled studies of one site, or of several added up."""

    schema_version: Literal[1] = 1
    phantom: bool = Field(description="any study is synthetic")
    patients: Count = Field(description="with a labelled study")
    unlabelled: Count = Field(description="studies that nothing else here counts")
    samples: Count = Field(description="labelled samples: studies, or slices of them")
    positive_samples: Count = Field(description="of class 1; a study is if one of its samples is")
    strata: tuple[StratumCounts, ...] = Field(description="all studies first, then by name")
    measures: dict[Word, tuple[Count, ...]] = Field(
        description="measure to studies per bin of its edges, see fedcmr.survey.measures"
    )
    intensity: tuple[Share, ...] = Field(
        description="share of pixels per bin of the stored intensity, summed over studies"
    )

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        keys = [stratum.key for stratum in self.strata]
        if keys != sorted(set(keys)) or not keys or keys[0] != ((), ()):
            raise ValueError("strata must be sorted, without duplicates, all studies first")
        if self.patients > self.n:
            raise ValueError("there cannot be more patients than studies")
        if not self.positives <= self.positive_samples <= self.samples - self.negatives:
            raise ValueError("samples do not fit the studies")
        counts: dict[tuple[str, ...], tuple[int, int]] = {}
        for stratum in self.strata:
            if len(stratum.by) != len(stratum.level) or stratum.by not in {(), *SURVEYED}:
                raise ValueError("strata must be by the tables that are surveyed")
            positive, negative = counts.get(stratum.by, (0, 0))
            counts[stratum.by] = (positive + stratum.positive, negative + stratum.negative)
        if any(both != counts[()] for both in counts.values()):
            raise ValueError("strata do not add up to all studies")
        if self.n and set(counts) != {(), *SURVEYED}:
            raise ValueError("studies must be counted by every table")
        sizes = {measure.name: len(measure.edges) + 1 for measure in MEASURES}
        if {name: len(bins) for name, bins in self.measures.items()} != sizes:
            raise ValueError("measures must have the bins of this version")
        if any(sum(bins) != self.n for bins in self.measures.values()):
            raise ValueError("a measure does not count every study once")
        slack = max(1, self.n) * INTENSITY_BINS * 10.0**-DECIMALS
        total = math.fsum(self.intensity)
        if len(self.intensity) != INTENSITY_BINS or not total <= self.n + slack:
            raise ValueError("intensity shares exceed the number of studies")
        return self

    @property
    def n(self) -> int:
        """Labelled studies."""
        return self.strata[0].n

    @property
    def positives(self) -> int:
        """Studies of class 1."""
        return self.strata[0].positive

    @property
    def negatives(self) -> int:
        """Studies of class 0."""
        return self.strata[0].negative

    def __add__(self, other: "SurveySums") -> "SurveySums":
        """Return the sums over the studies of both."""
        counts: dict[Key, tuple[int, int]] = {}
        for stratum in (*self.strata, *other.strata):
            positive, negative = counts.get(stratum.key, (0, 0))
            counts[stratum.key] = (positive + stratum.positive, negative + stratum.negative)
        return SurveySums(
            phantom=self.phantom or other.phantom,
            patients=self.patients + other.patients,
            unlabelled=self.unlabelled + other.unlabelled,
            samples=self.samples + other.samples,
            positive_samples=self.positive_samples + other.positive_samples,
            strata=_strata(counts),
            measures={
                name: tuple(a + b for a, b in zip(bins, other.measures[name], strict=True))
                for name, bins in self.measures.items()
            },
            intensity=tuple(a + b for a, b in zip(self.intensity, other.intensity, strict=True)),
        )

    def to_json(self) -> str:
        """Return the text that travels."""
        return self.canonical_json()

    @classmethod
    def from_json(cls, text: str, *, where: str) -> "SurveySums":
        """Read what a site sent; `where` names the site in the error.

        Raises:
            ConfigurationError: not a JSON object, a count is negative or not whole, bins are
                missing, strata do not add up, or there are too many studies.
        """
        sums = parse_json(text, cls, where=where)
        if sums.n + sums.unlabelled > MOST_CASES:
            raise ConfigurationError(f"sums over more than {MOST_CASES} studies", where=where)
        return sums


def survey(dataset: Dataset, task: Task, *, withheld: Collection[str] = ()) -> SurveySums:
    """Count the studies of a data set that are labelled for the task, in all splits.

    Args:
        dataset: the site's.
        task: whose labels count.
        withheld: columns that the site keeps to itself; their level reads "withheld".

    Raises:
        DataError: an array file is missing or damaged.
    """
    records = task.labelled(dataset.records)
    counts: dict[Key, tuple[int, int]] = {((), ()): (0, 0)}
    intensity = np.zeros(INTENSITY_BINS)
    samples = [value for record in records for value in task.labels(record) if value is not None]
    for record in records:
        level = levels(record) | {"split": record.split} | dict.fromkeys(withheld, NOT_GIVEN)
        label = max(value for value in task.labels(record) if value is not None)
        for by in ((), *SURVEYED):
            key = (by, tuple(level[name] for name in by))
            positive, negative = counts.get(key, (0, 0))
            counts[key] = (positive + label, negative + 1 - label)
        intensity += intensity_shares(dataset.load(record))
    return SurveySums(
        phantom=dataset.manifest.phantom,
        patients=len({record.patient for record in records}),
        unlabelled=len(dataset.records) - len(records),
        samples=len(samples),
        positive_samples=sum(samples),
        strata=_strata(counts),
        measures={measure.name: measure.histogram(records) for measure in MEASURES},
        intensity=tuple(round(share, DECIMALS) for share in intensity.tolist()),
    )


def total(sites: Sequence[SurveySums]) -> SurveySums:
    """Return the sums over the studies of one or more sites.

    Raises:
        DataError: there is no site.
    """
    if not sites:
        raise DataError("no site answered the survey", fix="start the sites and ask again")
    pooled = sites[0]
    for sums in sites[1:]:
        pooled = pooled + sums
    return pooled


def _strata(counts: dict[Key, tuple[int, int]]) -> tuple[StratumCounts, ...]:
    return tuple(
        StratumCounts(by=by, level=level, positive=positive, negative=negative)
        for (by, level), (positive, negative) in sorted(counts.items())
    )
