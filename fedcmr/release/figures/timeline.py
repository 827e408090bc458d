"""Who contributed to which round, and who missed it."""

from collections.abc import Iterable, Iterator

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from fedcmr.page.numbers import duration
from fedcmr.page.svg import BLUE, LINE, ORANGE, SOFT, element, style
from fedcmr.release.provenance import Provenance, SiteRecord

ROW_IN = 0.3
LOOKS: dict[str, dict[str, str]] = {
    "contributed": {"facecolor": BLUE},
    "missed": {"facecolor": "none", "edgecolor": ORANGE, "hatch": "////"},
}


def timeline(provenance: Provenance) -> str | None:
    """Return the figure, None without a history."""
    if not provenance.history:
        return None
    sites = provenance.sites
    rounds = [entry.round for entry in provenance.history]
    with style():
        figure = Figure(figsize=(7.4, 1.5 + ROW_IN * len(sites)), layout="constrained")
        axes = figure.add_subplot()
        axes.axvline(provenance.released_round, color=LINE, linewidth=4, zorder=0)
        for row, site in enumerate(sites):
            contributed = [e.round for e in provenance.history if site.name in e.sites]
            missed = [entry.round for entry in site.rounds_missed]
            for rounds_of, label in ((contributed, "contributed"), (missed, "missed")):
                if rounds_of:
                    bars = axes.broken_barh(list(_bars(rounds_of)), (row - 0.3, 0.6), label=label)
                    bars.set(linewidth=0.5, **LOOKS[label])
            if site.role == "validate":
                axes.text(rounds[0] - 0.4, row, "evaluates only", color=SOFT, va="center")
        axes.set(xlim=(rounds[0] - 0.6, rounds[-1] + 0.6), ylim=(len(sites) - 0.4, -0.6))
        axes.set_yticks(range(len(sites)), [site.name for site in sites])
        axes.tick_params(left=False)
        axes.spines["left"].set_visible(False)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlabel(f"round (released: {provenance.released_round})")
        _clock(figure, provenance)
        handles, labels = axes.get_legend_handles_labels()
        first = {label: handle for handle, label in zip(handles[::-1], labels[::-1], strict=True)}
        order = [label for label in ("contributed", "missed") if label in first]
        figure.legend([first[label] for label in order], order, loc="outside upper right", ncols=2)
        return element(figure, "timeline", "Who contributed when", _words(provenance))


def _clock(figure: Figure, provenance: Provenance) -> None:
    """Write at the upper edge how long after the start some rounds ended."""
    ended = {
        entry.round: (entry.finished - provenance.started).total_seconds()
        for entry in provenance.history
        if entry.finished is not None
    }
    if not ended:
        return
    step = max(1, len(ended) // 5)
    shown = sorted(ended)[step - 1 :: step]
    upper = figure.axes[0].secondary_xaxis("top")
    upper.set_xticks(shown, [duration(ended[number]) for number in shown])
    upper.set_xlabel("round ended after")


def _bars(rounds: Iterable[int]) -> Iterator[tuple[float, float]]:
    """Give (start, width) of a bar for each stretch of rounds."""
    for first, last in stretches(rounds):
        yield first - 0.4, last - first + 0.8


def stretches(rounds: Iterable[int]) -> list[tuple[int, int]]:
    """Return the first and last of each run of whole numbers, as 1, 2, 3, 7 gives (1, 3), (7, 7).

    The rounds must be in order.
    """
    found: list[tuple[int, int]] = []
    for number in rounds:
        if found and number == found[-1][1] + 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found


def _words(provenance: Provenance) -> str:
    total = len(provenance.history)

    def words(site: SiteRecord) -> str:
        if site.role == "validate":
            return f"{site.name}: evaluates only"
        return f"{site.name}: {site.rounds_contributed} of {total} rounds"

    return "; ".join(words(site) for site in provenance.sites) + "."
