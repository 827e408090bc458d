"""Reliability diagram with the cases behind every point."""

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from fedcmr.evaluation.results import Metrics
from fedcmr.page.numbers import decimal
from fedcmr.page.svg import BLUE, LINE, ORANGE, SOFT, element, style


def calibration(metrics: Metrics) -> str | None:
    """Return the figure, None where calibration must not show."""
    if isinstance(metrics.calibration, str):
        return None
    bins = metrics.calibration.bins
    scores = [group.score for group in bins]
    observed = [group.observed for group in bins]
    with style():
        figure = Figure(figsize=(4.4, 4.9), layout="constrained")
        axes, counts = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        axes.plot((0, 1), (0, 1), color=SOFT, linewidth=0.8, linestyle=(0, (2, 3)))
        below = [max(0.0, rate.value - rate.low) for rate in observed]
        above = [max(0.0, rate.high - rate.value) for rate in observed]
        axes.errorbar(
            scores,
            [rate.value for rate in observed],
            yerr=(below, above),
            fmt="o-",
            color=BLUE,
            linewidth=1.2,
            elinewidth=1.2,
            capsize=0,
        )
        axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), ylabel="observed part of positives")
        edges, widths = [group.low for group in bins], [group.high - group.low for group in bins]
        positives = [group.positives for group in bins]
        negatives = [group.n - group.positives for group in bins]
        bar = {"align": "edge", "edgecolor": SOFT, "linewidth": 0.5}
        counts.bar(edges, negatives, widths, color=LINE, label="negative", **bar)
        counts.bar(edges, positives, widths, negatives, color=ORANGE, label="positive", **bar)
        top = 1.45 * max(group.n for group in bins)
        counts.set(xlabel="score", ylabel="cases", ylim=(0, top))
        counts.yaxis.set_major_locator(MaxNLocator(4, integer=True))
        counts.legend(loc="upper center", ncols=2, fontsize=8)
        words = "; ".join(
            f"score {decimal(group.score, 2)}: {decimal(group.observed.value, 2)} of {group.n}"
            for group in bins
        )
        return element(figure, "calibration", "Calibration of the score", f"Observed: {words}.")
