"""The training curve as SVG text for the report."""

import io

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from fedcmr.release.provenance import Provenance

BLUE, ORANGE = "#0072B2", "#D55E00"
"""Okabe and Ito's palette: told apart with any colour vision, and in grey by their markers."""


def training_curve(provenance: Provenance) -> str:
    """Return an SVG element of the losses by round, with a text alternative."""
    rounds = [entry.round for entry in provenance.history]
    validated = {
        entry.round: entry.validation_loss
        for entry in provenance.history
        if entry.validation_loss is not None
    }
    # Fixed ids and no date: the same run gives the same bytes. Text stays text for readers' tools.
    with mpl.rc_context({"svg.hashsalt": "fedcmr", "svg.fonttype": "none"}):
        figure = Figure(figsize=(7.2, 2.8), layout="constrained")
        axes = figure.add_subplot()
        axes.plot(
            rounds,
            [entry.loss for entry in provenance.history],
            marker="o",
            markersize=4,
            color=BLUE,
            label="training, mean of the sites",
        )
        if validated:
            axes.plot(
                list(validated),
                list(validated.values()),
                marker="s",
                markersize=4,
                linestyle="--",
                color=ORANGE,
                label="validation, pooled",
            )
        axes.axvline(provenance.released_round, color="0.6", linewidth=1, zorder=0)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set(xlabel="round (grey line: released)", ylabel="loss (nats per study)")
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False)
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    svg = text.getvalue()
    # Only the element itself may stand inside HTML: no XML declaration, no DOCTYPE.
    element = svg[svg.index("<svg ") :].rstrip()
    words = f"Training and validation loss over {len(rounds)} rounds"
    return element.replace("<svg ", f'<svg role="img" aria-label="{words}" ', 1)
