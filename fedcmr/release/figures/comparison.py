"""The released model beside others, on the same test cases."""

from matplotlib.figure import Figure

from fedcmr.evaluation.results import AucEstimate, Metrics
from fedcmr.page.numbers import decimal, p_value
from fedcmr.page.svg import BLUE, LINE, ORANGE, element, style

ROW_IN = 0.34


def comparison(metrics: Metrics) -> str | None:
    """Return the figure, None where no other model was compared."""
    if not metrics.comparisons:
        return None
    rows: list[tuple[str, AucEstimate]] = [("released", metrics.comparisons[0].auc)]
    rows += [(entry.name, entry.other) for entry in metrics.comparisons]
    with style():
        figure = Figure(figsize=(7.4, 0.8 + ROW_IN * len(rows)), layout="constrained")
        axes = figure.add_subplot()
        axes.axvline(rows[0][1].value, color=LINE, linewidth=1.2, zorder=0)
        for row, (_, area) in enumerate(rows):
            colour, marker = (BLUE, "D") if row == 0 else (ORANGE, "s")
            axes.plot((area.low, area.high), (row, row), color=colour)
            axes.plot(area.value, row, marker=marker, color=colour, markersize=6)
        axes.set_yticks(range(len(rows)), [name for name, _ in rows])
        axes.tick_params(left=False)
        axes.spines["left"].set_visible(False)
        axes.set(ylim=(len(rows) - 0.5, -0.5), xlabel="AUC, 95 % interval")
        words = "; ".join(
            f"{entry.name}: AUC {decimal(entry.other.value)}, released "
            f"{decimal(entry.difference.value)} more, {p_value(entry.p)}"
            for entry in metrics.comparisons
        )
        return element(figure, "comparison", "Released model and others", f"{words}.")
