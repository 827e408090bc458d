"""Sites whose data cannot serve the experiment, named before anybody waits for a round."""

from collections.abc import Mapping

from fedcmr.config import Experiment
from fedcmr.survey.measures import MEASURES
from fedcmr.survey.sums import StratumCounts, SurveySums

COARSE = 1.5
"""Times the experiment's pixel spacing, beyond which resampling only invents detail."""

RR_RANGE_MS = (400.0, 1600.0)
"""150 to 37.5 beats a minute; most studies of a site outside it is a unit mistaken."""


def contradictions(
    per_site: Mapping[str, SurveySums], experiment: Experiment
) -> dict[str, tuple[str, ...]]:
    """Return site to what is wrong with its data; sites without a finding are left out.

    The lines give the experiment's numbers and none of a site.
    """
    found = {name: _findings(sums, experiment) for name, sums in sorted(per_site.items())}
    return {name: lines for name, lines in found.items() if lines}


def _findings(sums: SurveySums, experiment: Experiment) -> tuple[str, ...]:
    if not sums.n:
        return (f"no study is labelled for the task {experiment.task}",)
    minimum = experiment.evaluation.min_class_count
    train = next(
        (s for s in sums.strata if s.by == ("split",) and s.level == ("train",)),
        StratumCounts(by=("split",), level=("train",), positive=0, negative=0),
    )
    settings = experiment.preprocessing
    coarse = COARSE * settings.spacing_mm
    shortest, longest = RR_RANGE_MS
    checks = {
        "no positive study: every label says no": not sums.positives,
        "no negative study: every label says yes": not sums.negatives,
        f"too few: under {minimum} labelled studies to train on": train.n < minimum,
        f"wrong spacing: most images are coarser than {coarse:g} mm, "
        f"the experiment wants {settings.spacing_mm:g} mm": 2
        * _at_least(sums, "spacing_mm", coarse)
        > sums.n,
        f"most studies have fewer than half of the {settings.slices} slices wanted": 2
        * (sums.n - _at_least(sums, "slices", settings.slices / 2))
        > sums.n,
        f"most studies have fewer than half of the {settings.phases} phases wanted": 2
        * (sums.n - _at_least(sums, "phases", settings.phases / 2))
        > sums.n,
        f"most RR intervals are outside {shortest:g} to {longest:g} ms": 2
        * (sums.n - _at_least(sums, "rr_ms", shortest) + _at_least(sums, "rr_ms", longest))
        > sums.n,
    }
    return tuple(line for line, holds in checks.items() if holds)


def _at_least(sums: SurveySums, name: str, limit: float) -> int:
    """Return the studies surely at or above a limit: of the bins whose lower edge is."""
    edges = next(measure.edges for measure in MEASURES if measure.name == name)
    return sum(
        count
        for lower, count in zip(edges, sums.measures[name][1:], strict=True)
        if lower >= limit - 1e-9
    )
