"""`survey.html` and its tables: a federation's data, under the same suppression as results."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

from fedcmr.config import Experiment
from fedcmr.evaluation.intervals import wilson
from fedcmr.evaluation.leaks import Cell
from fedcmr.evaluation.results import Estimate
from fedcmr.evaluation.strata import Columns, Level, view_of
from fedcmr.evaluation.suppression import printable
from fedcmr.page.headings import is_empty_flag
from fedcmr.page.render import environment
from fedcmr.page.stamp import stamps
from fedcmr.survey.contradictions import contradictions
from fedcmr.survey.figures import acquisition
from fedcmr.survey.measures import MEASURES
from fedcmr.survey.shift import shifts
from fedcmr.survey.sums import SURVEYED, SurveySums, total
from fedcmr.survey.tables import csv_tables


@dataclass(frozen=True)
class Share:
    """Positives among the studies of a group."""

    n: int
    positive: int
    prevalence: Estimate


Shown = Share | Literal["suppressed", "withheld"]


PAGE = "survey.html"


def survey_files(
    per_site: Mapping[str, SurveySums], experiment: Experiment, *, by_site: Collection[str]
) -> dict[str, str]:
    """Return file name to text: the page, and CSV tables of what its figure shows.

    The page asks nothing of any other machine and needs no JavaScript.

    Args:
        per_site: what each site counted.
        experiment: what the data are meant for.
        by_site: sites whose policy allows results of their own.

    Raises:
        DataError: there is no site.
    """
    settings = experiment.evaluation
    sites = dict(sorted(per_site.items()))
    pooled = total(list(sites.values()))
    cells = [
        Cell(name, stratum.by, stratum.level, (stratum.positive, stratum.negative))
        for name, sums in sites.items()
        for stratum in sums.strata[1:]
    ]
    shown = printable(
        cells,
        settings.min_class_count,
        open_sites=by_site,
        min_sites=settings.min_sites,
        views=SURVEYED,
    )
    levels = set(shown.levels)
    if any((view, level) not in levels for view, level in _splits(pooled)):
        # The release will print the test part: what is left of a split could be subtracted.
        levels -= _splits(pooled)
    own = {name: sums for name, sums in sites.items() if name in shown.sites and name in by_site}
    minimum = settings.min_class_count
    page = (
        environment("fedcmr.survey")
        .get_template("survey.html.j2")
        .render(
            stamps=stamps(phantom=pooled.phantom, partial=False),
            experiment=experiment,
            pooled=pooled,
            slices=_share(pooled.positive_samples, pooled.samples - pooled.positive_samples)
            if shown.total and experiment.preprocessing.per_slice
            else None,  # of either class there are as many as studies, or more
            overall=_share(pooled.positives, pooled.negatives) if shown.total else "suppressed",
            sites={
                name: _share(sums.positives, sums.negatives)
                if name in own
                else ("suppressed" if name in by_site else "withheld")
                for name, sums in sites.items()
            },
            views=_views(pooled, levels),
            contradictions=contradictions(sites, experiment),
            measures=MEASURES,
            own=own,
            shifts={name: found for name, found in shifts(sites).items() if name in own},
            figure=acquisition(pooled, own, minimum) if shown.total else None,
        )
    )
    return {PAGE: page, **csv_tables(pooled if shown.total else None, own, minimum)}


def _splits(pooled: SurveySums) -> set[tuple[Columns, Level]]:
    return {stratum.key for stratum in pooled.strata if stratum.by == ("split",)}


def _views(
    pooled: SurveySums, shown: Collection[tuple[Columns, Level]]
) -> dict[Columns, dict[Level, Shown]]:
    """Return view to level to what is printed of it."""
    counts: dict[Columns, dict[Level, tuple[int, int]]] = {
        view: {} for views in SURVEYED.values() for view in views
    }
    for stratum in pooled.strata[1:]:
        for view in SURVEYED[stratum.by]:
            level = view_of(stratum.by, view, stratum.level)
            if level is not None:
                levels = counts[view]
                positive, negative = levels.get(level, (0, 0))
                levels[level] = (positive + stratum.positive, negative + stratum.negative)
    return {
        view: {
            level: _share(*both) if (view, level) in shown else "suppressed"
            for level, both in sorted(levels.items())
        }
        for view, levels in counts.items()
        if not is_empty_flag(view, levels)
    }


def _share(positive: int, negative: int) -> Share:
    n = positive + negative
    return Share(n, positive, wilson(positive, n))
