"""Stamps: what a reader must not miss, at the head of a page and on every sheet of its print."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Stamp:
    """One stamp."""

    kind: Literal["phantom", "partial"]
    running: str
    """At the top of every printed sheet."""
    text: str
    """At the head of the page."""


PHANTOM = Stamp(
    "phantom",
    "PHANTOM: synthetic hearts, no patients",
    "PHANTOM: synthetic hearts. The numbers show that the machinery works; they say nothing about "
    "patients.",
)

PARTIAL = Stamp(
    "partial",
    "PARTIAL: below plan",
    "PARTIAL: the run ended below plan; see the federation's time line.",
)


def stamps(*, phantom: bool, partial: bool) -> tuple[Stamp, ...]:
    """Return the stamps that a page bears."""
    return (PHANTOM,) * phantom + (PARTIAL,) * partial
