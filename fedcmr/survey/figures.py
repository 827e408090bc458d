"""Figures of the survey: what was acquired, everybody's and each site's."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fedcmr.page.svg import BLUE, LINE, MARKERS, SERIES, SOFT, element, style
from fedcmr.survey.measures import INTENSITY_BINS, MEASURES, Measure
from fedcmr.survey.sums import SurveySums

NAMED_SITES = len(MARKERS)
"""With more sites than this each is a mark without a name."""


def merged(counts: tuple[int, ...], minimum: int) -> list[tuple[int, int, int]]:
    """Return (first bin, end bin, studies) of neighbours merged until each holds `minimum`.

    Empty bins at both ends are left off; the last group takes what remains.
    """
    used = np.flatnonzero(counts)
    if not len(used):
        return []
    groups: list[tuple[int, int, int]] = []
    start, held = int(used[0]), 0
    for index in range(start, int(used[-1]) + 1):
        held += counts[index]
        if held >= minimum:
            groups.append((start, index + 1, held))
            start, held = index + 1, 0
    if held and groups:
        first, _, studies = groups.pop()
        groups.append((first, int(used[-1]) + 1, studies + held))
    return groups


def bars(measure: Measure, pooled: SurveySums, minimum: int) -> list[tuple[float, float, int]]:
    """Return (low, high, studies) of bars of at least `minimum` studies; the open ends closed."""
    borders = np.array(measure.borders) - (0.5 if measure.whole else 0.0)
    groups = merged(pooled.measures[measure.name], minimum)
    return [(float(borders[a]), float(borders[b]), studies) for a, b, studies in groups]


def acquisition(pooled: SurveySums, sites: Mapping[str, SurveySums], minimum: int) -> str:
    """Return the figure: histograms of all studies, medians and quartiles of the sites above.

    Args:
        pooled: of all sites.
        sites: those that may be shown.
        minimum: least studies of a bar.
    """
    with style():
        figure = Figure(figsize=(7.4, 6.4), layout="constrained")
        panels = figure.subplots(3, 2).ravel()
        for axes, measure in zip(panels, MEASURES, strict=False):
            _measure(axes, measure, pooled, sites, minimum)
        _intensity(panels[len(MEASURES)], pooled, sites)
        handles = [line for line in panels[len(MEASURES)].get_lines() if line.get_label()[0] != "_"]
        if len(handles) > 1:
            figure.legend(handles=handles, loc="outside lower center", ncols=4)
        words = "; ".join(
            f"{measure.title}: median {measure.quantile(pooled.measures[measure.name], 0.5):g} "
            f"{measure.unit}"
            for measure in MEASURES
        )
        return element(figure, "acquisition", "Acquisition of all studies", f"{words}.")


def _measure(
    axes: Axes, measure: Measure, pooled: SurveySums, sites: Mapping[str, SurveySums], minimum: int
) -> None:
    found = bars(measure, pooled, minimum)
    widths = [high - low for low, high, _ in found]
    heights = [studies / width for (_, _, studies), width in zip(found, widths, strict=True)]
    lefts = [low for low, _, _ in found]
    axes.bar(lefts, heights, widths, align="edge", color=LINE, edgecolor=SOFT, linewidth=0.5)
    top = max(heights, default=1.0)
    few = len(sites) <= NAMED_SITES
    for index, sums in enumerate(sites.values()):
        counts = sums.measures[measure.name]
        low, middle, high = (measure.quantile(counts, part) for part in (0.25, 0.5, 0.75))
        height = top * (1.12 + 0.1 * index) if few else top * (1.12 + 0.6 * index / len(sites))
        colour = SERIES[index] if few else BLUE
        axes.plot((low, high), (height, height), color=colour, linewidth=2)
        axes.plot(middle, height, marker=MARKERS[index] if few else ".", color=colour)
    axes.set(title=f"{measure.title}, {measure.unit}", yticks=[])
    axes.spines["left"].set_visible(False)


def _intensity(axes: Axes, pooled: SurveySums, sites: Mapping[str, SurveySums]) -> None:
    centres = (np.arange(INTENSITY_BINS) + 0.5) / INTENSITY_BINS
    shares = np.array(pooled.intensity) / max(1, pooled.n)
    axes.bar(centres, shares, 1 / INTENSITY_BINS, color=LINE, edgecolor=SOFT, linewidth=0.5)
    few = len(sites) <= NAMED_SITES
    for index, (name, sums) in enumerate(sites.items()):
        axes.plot(
            centres,
            np.array(sums.intensity) / max(1, sums.n),
            color=SERIES[index] if few else BLUE,
            linewidth=1.0,
            marker=MARKERS[index] if few else None,
            markevery=6,
            label=name if few else None,
        )
    axes.set(title="Stored intensity, share of pixels", yticks=[])
    axes.spines["left"].set_visible(False)
