"""Forest plots: the AUC of every group with its interval."""

from dataclasses import dataclass
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import blended_transform_factory

from fedcmr.evaluation.results import Estimate, GroupResult, Hidden, Metrics
from fedcmr.page.headings import level_name
from fedcmr.page.numbers import decimal
from fedcmr.page.svg import BLUE, INK, LINE, SOFT, element, style
from fedcmr.release.tables import by_table

MOST_ROWS = 36
"""Of one figure: it must fit on a printed sheet."""
ROW_IN, WIDTH_IN = 0.21, 7.4
LABEL, CASES, PLOT, NUMBERS = 0.0, 0.365, (0.40, 0.74), 0.765
"""Where the columns are, as parts of the width."""
LONGEST = 30
"""Letters of a name that have room."""


@dataclass(frozen=True)
class _Row:
    kind: Literal["overall", "heading", "group", "mean"]
    label: str
    cases: str = ""
    auc: Estimate | Hidden | None = None


def forests(metrics: Metrics) -> tuple[str, ...]:
    """Return figures of at most `MOST_ROWS` rows; the line of the overall AUC is in each."""
    blocks = [[_row("overall", "All test cases", metrics.overall)]]
    for table, strata in by_table(metrics).items():
        groups = [_row("group", level_name(s.level), s.result) for s in strata]
        for first in range(0, len(groups), MOST_ROWS - 1):
            blocks.append([_Row("heading", table), *groups[first : first + MOST_ROWS - 1]])
    inside = metrics.within_site
    if not isinstance(inside.fixed, str):
        means = [_Row("mean", "inverse-variance mean", auc=inside.fixed)]
        if inside.random is not None:
            means.append(_Row("mean", "random effects", auc=inside.random))
        blocks.append([_Row("heading", "Inside sites"), *means])
    pages: list[list[_Row]] = [[]]
    for block in blocks:
        if len(pages[-1]) + len(block) > MOST_ROWS:
            pages.append([])
        pages[-1] += block
    drawn = [row.auc for block in blocks for row in block if isinstance(row.auc, Estimate)]
    low = max(0.0, min([0.5, *(area.low for area in drawn)]) - 0.02)
    return tuple(_figure(metrics, rows, low, f"forest-{n}") for n, rows in enumerate(pages, 1))


def _row(kind: Literal["overall", "group"], label: str, result: GroupResult | Hidden) -> _Row:
    if isinstance(result, str):
        return _Row(kind, label, auc=result)
    return _Row(kind, label, f"{result.n} ({result.positives})", result.auc)


def _figure(metrics: Metrics, rows: list[_Row], low: float, name: str) -> str:
    with style():
        height = ROW_IN * (len(rows) + 3.6)
        figure = Figure(figsize=(WIDTH_IN, height))
        bottom, top = 2.4 * ROW_IN / height, 1 - 1.2 * ROW_IN / height
        axes = figure.add_axes((PLOT[0], bottom, PLOT[1] - PLOT[0], top - bottom))
        axes.set(ylim=(len(rows) - 0.5, -0.5), xlim=(low, 1.0), xlabel="AUC, 95 % interval")
        axes.spines["left"].set_visible(False)
        axes.tick_params(left=False, labelleft=False)
        axes.axvline(0.5, color=SOFT, linewidth=0.8, linestyle=(0, (2, 3)), zorder=0)
        if isinstance(metrics.overall, GroupResult):
            axes.axvline(metrics.overall.auc.value, color=LINE, linewidth=1.2, zorder=0)
        _text(axes, CASES, -0.8, "cases (pos.)", SOFT, right=True)
        _text(axes, NUMBERS, -0.8, "AUC (95 % interval)", SOFT)
        for position, row in enumerate(rows):
            _draw(axes, position, row)
        words = "; ".join(f"{row.label}: {_number(row.auc)}" for row in rows if row.auc)
        return element(figure, name, "AUC by group", f"AUC with 95 % interval. {words}.")


def _draw(axes: Axes, position: int, row: _Row) -> None:
    is_quiet = isinstance(row.auc, str)
    name = row.label if len(row.label) <= LONGEST else row.label[: LONGEST - 1] + "…"
    indent = 0.02 if row.kind in ("group", "mean") else 0.0
    bold = row.kind in ("overall", "heading")
    _text(axes, LABEL + indent, position, name, SOFT if is_quiet else INK, bold=bold)
    _text(axes, CASES, position, row.cases, INK, right=True, bold=bold)
    if row.auc is None:
        return
    _text(axes, NUMBERS, position, _number(row.auc), SOFT if is_quiet else INK, bold=bold)
    if isinstance(row.auc, Estimate):
        axes.plot((row.auc.low, row.auc.high), (position, position), color=BLUE, linewidth=1.6)
        marker = "D" if row.kind in ("overall", "mean") else "s"
        axes.plot(row.auc.value, position, marker=marker, color=BLUE, markersize=5)


def _text(
    axes: Axes,
    x: float,
    row: float,
    words: str,
    colour: str,
    *,
    right: bool = False,
    bold: bool = False,
) -> None:
    axes.text(
        x,
        row,
        words,
        color=colour,
        ha="right" if right else "left",
        va="center",
        fontweight="bold" if bold else "normal",
        transform=blended_transform_factory(axes.figure.transFigure, axes.transData),
    )


def _number(auc: Estimate | Hidden | None) -> str:
    if isinstance(auc, Estimate):
        return f"{decimal(auc.value)} ({decimal(auc.low)} to {decimal(auc.high)})"
    return auc or ""
