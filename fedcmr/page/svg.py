"""Figures as SVG elements: the same bytes for the same data, read aloud by their description."""

import html
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager

import matplotlib as mpl
from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, PURPLE = "#0072b2", "#d55e00", "#009e73", "#cc79a7"
"""Okabe and Ito's palette: told apart with any colour vision; markers and dashes differ as well."""
SERIES = (BLUE, ORANGE, GREEN, PURPLE, "#56b4e9", "#e69f00")
"""For lines of their own, in this order."""
INK, SOFT, LINE, PAPER = "#1c2530", "#5b6774", "#d9dfe5", "#ffffff"
NARROWEST = 0.7
"""Of a figure's width: below it the text is too small, and the figure scrolls instead."""
MARKERS = ("o", "s", "^", "D", "v", "P")

VARIABLES = {
    INK: "--ink",
    SOFT: "--soft",
    LINE: "--line",
    PAPER: "--paper",
    BLUE: "--blue",
    ORANGE: "--orange",
    GREEN: "--green",
    PURPLE: "--purple",
}
"""Colours that the page replaces, so that a figure is dark where the page is."""


@contextmanager
def style() -> Iterator[None]:
    """Draw in the pages' style."""
    with mpl.rc_context(
        {
            # Fixed ids: the same figure gives the same bytes. Text stays text for readers' tools.
            "svg.hashsalt": "fedcmr",
            "svg.fonttype": "none",
            "font.family": "DejaVu Sans",
            "font.size": 9,
            # Words of a site are words, also with a dollar sign.
            "text.parse_math": False,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.edgecolor": SOFT,
            "axes.labelcolor": SOFT,
            "axes.titlesize": 9,
            "axes.titlecolor": INK,
            "axes.titlelocation": "left",
            "axes.facecolor": "none",
            "text.color": INK,
            "xtick.color": SOFT,
            "ytick.color": SOFT,
            "legend.frameon": False,
            "lines.linewidth": 1.5,
            "lines.markersize": 4,
        }
    ):
        yield


def element(figure: Figure, name: str, title: str, description: str) -> str:
    """Return the figure as an <svg> that stands inside HTML.

    Args:
        figure: drawn under `style()`.
        name: letters and hyphens, told apart from the other figures of the page; ids start so.
        title: what is shown, one phrase.
        description: what a reader who cannot see it should know, with its numbers.
    """
    text = io.StringIO()
    with style():
        figure.savefig(text, format="svg", transparent=True, metadata=dict.fromkeys(_METADATA))
    svg = text.getvalue()
    # Only the element itself may stand inside HTML: no XML declaration, no DOCTYPE.
    body = svg[svg.index("<svg ") :].rstrip()
    body = re.sub(r"<metadata>.*?</metadata>\s*", "", body, count=1, flags=re.S)
    # Two figures of one page must not share an id.
    body = re.sub(r'(\bid="|xlink:href="#|url\(#)', rf"\g<1>{name}-", body)
    for colour, variable in VARIABLES.items():
        body = body.replace(colour, f"var({variable})")
    head, _, rest = body.partition(">")
    width = 72 * figure.get_figwidth()
    head = re.sub(r'\s(?:width|height)="[\d.]+pt"', "", head)
    head += (
        f' role="img" aria-labelledby="{name}-title {name}-desc"'
        f' style="max-width: {width:.0f}pt; min-width: {NARROWEST * width:.0f}pt"'
    )
    words = (
        f'<title id="{name}-title">{html.escape(title)}</title>'
        f'<desc id="{name}-desc">{html.escape(description)}</desc>'
    )
    return f"{head}>{words}{rest}"


_METADATA = ("Date", "Creator", "Format", "Type")
