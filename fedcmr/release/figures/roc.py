"""The ROC curve of all test cases with its band and the operating points."""

from matplotlib.figure import Figure

from fedcmr.evaluation.results import GroupResult, Metrics
from fedcmr.page.numbers import decimal
from fedcmr.page.svg import BLUE, MARKERS, ORANGE, SOFT, element, style
from fedcmr.release.tables import curve
from fedcmr.release.thresholds import NAMES


def roc(metrics: Metrics) -> str | None:
    """Return the figure, None where the curve must not show."""
    if isinstance(metrics.roc, str) or isinstance(metrics.overall, str):
        return None
    points = curve(metrics)
    rates = [0.0, *(point.false_positive_rate.value for point in points), 1.0]
    with style():
        figure = Figure(figsize=(4.4, 4.4), layout="constrained")
        axes = figure.add_subplot()
        axes.plot((0, 1), (0, 1), color=SOFT, linewidth=0.8, linestyle=(0, (2, 3)))
        axes.fill_between(
            rates,
            [0.0, *(point.sensitivity.low for point in points), 1.0],
            [0.0, *(point.sensitivity.high for point in points), 1.0],
            color=BLUE,
            alpha=0.15,
            linewidth=0,
            label="95 % of the sensitivity",
        )
        sensitivities = [0.0, *(point.sensitivity.value for point in points), 1.0]
        axes.plot(
            rates, sensitivities, color=BLUE, marker=".", markersize=3, label="all test cases"
        )
        for marker, (name, rate, sensitivity) in zip(MARKERS, _at(metrics.overall), strict=False):
            axes.plot(rate, sensitivity, marker, color=ORANGE, markersize=7, label=NAMES[name])
        axes.set(
            xlim=(-0.01, 1.01),
            ylim=(-0.01, 1.01),
            aspect="equal",
            xlabel="1 − specificity",
            ylabel="sensitivity",
        )
        axes.legend(loc="lower right", fontsize=8)
        return element(figure, "roc", "ROC curve of all test cases", _words(metrics.overall))


def _at(overall: GroupResult) -> list[tuple[str, float, float]]:
    """Return threshold, false-positive rate and sensitivity."""
    return [
        (at.threshold, 1 - at.specificity.value, at.sensitivity.value)
        for at in overall.at
        if at.specificity is not None and at.sensitivity is not None
    ]


def _words(overall: GroupResult) -> str:
    area = overall.auc
    points = "; ".join(
        f"{NAMES[name]}: sensitivity {decimal(sensitivity)}, specificity {decimal(1 - rate)}"
        for name, rate, sensitivity in _at(overall)
    )
    return f"AUC {decimal(area.value)} ({decimal(area.low)} to {decimal(area.high)}). {points}."
