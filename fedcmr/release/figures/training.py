"""Losses and training times by round and site."""

import math

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from fedcmr.page.numbers import decimal
from fedcmr.page.svg import INK, LINE, MARKERS, SERIES, SOFT, element, style
from fedcmr.release.provenance import Provenance, SitePart

LEGEND_SITES = len(MARKERS)
"""With more sites than this each is a thin line without a name."""
MARKED_ROUNDS = 40
"""With more rounds than this markers would run into each other."""


def training(provenance: Provenance) -> str | None:
    """Return the figure, None without a history."""
    history = provenance.history
    if not history:
        return None
    rounds = [entry.round for entry in history]
    validated = [(e.round, e.validation_loss) for e in history if e.validation_loss is not None]
    by_site: dict[str, list[tuple[int, SitePart]]] = {}
    for entry in history:
        for part in entry.parts:
            by_site.setdefault(part.site, []).append((entry.round, part))
    with style():
        panels = 2 if by_site else 1
        figure = Figure(figsize=(7.4, 2.3 + 1.6 * panels), layout="constrained")
        ratios = (2.4, 1)[:panels]
        axes, *more = figure.subplots(panels, 1, sharex=True, height_ratios=ratios, squeeze=False)[
            :, 0
        ]
        marks = len(rounds) <= MARKED_ROUNDS
        axes.axvline(provenance.released_round, color=LINE, linewidth=4, zorder=0)
        _sites(axes, by_site, "loss", marks=marks)
        trained = [(e.round, e.loss) for e in history if e.loss is not None]
        if trained:
            axes.plot(*zip(*trained, strict=True), color=INK, label="training, mean of sites")
        if validated:
            axes.plot(
                *zip(*validated, strict=True),
                color=INK,
                linestyle="--",
                label="validation, pooled",
            )
        _from_zero(axes, "loss, nats")
        if axes.get_legend_handles_labels()[0]:
            axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
        for panel in more:
            _sites(panel, by_site, "seconds", marks=marks)
            _from_zero(panel, "seconds")
        bottom = more[-1] if more else axes
        bottom.xaxis.set_major_locator(MaxNLocator(integer=True))
        bottom.set_xlabel(f"round (released: {provenance.released_round})")
        return element(figure, "training", "Training by round", _words(provenance, validated))


def _sites(
    axes: Axes, by_site: dict[str, list[tuple[int, SitePart]]], field: str, *, marks: bool
) -> None:
    few = len(by_site) <= LEGEND_SITES
    for index, (site, parts) in enumerate(sorted(by_site.items())):
        axes.plot(
            [number for number, _ in parts],
            [math.nan if (v := getattr(part, field)) is None else v for _, part in parts],
            color=SERIES[index] if few else SOFT,
            marker=MARKERS[index] if few and marks else None,
            linewidth=1.0 if few else 0.6,
            markersize=3.5,
            label=site if few else None,
        )


def _from_zero(axes: Axes, label: str) -> None:
    axes.set(ylabel=label, ylim=(0, 1.08 * axes.get_ylim()[1]))


def _words(provenance: Provenance, validated: list[tuple[int, float]]) -> str:
    first, last = provenance.history[0], provenance.history[-1]
    words = (
        "No training loss was told."
        if first.loss is None
        else f"Training loss from {decimal(first.loss)} in round {first.round} "
        f"to {decimal(last.loss)} in round {last.round}."
    )
    if validated:
        best, loss = min(validated, key=lambda entry: entry[1])
        words += f" Lowest validation loss {decimal(loss)} in round {best}."
    return f"{words} The weights of round {provenance.released_round} are released."
