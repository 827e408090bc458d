"""Networks by name.

A family file lists its variants with `register`; an experiment names one of them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import nn

from fedcmr.config import ModelSettings, Preprocessing
from fedcmr.errors import ConfigurationError

Builder: TypeAlias = Callable[[ModelSettings, Preprocessing], nn.Module]


@dataclass(frozen=True)
class Variant:
    """A registered network."""

    build: Builder
    published: str
    """Number of parameters as printed in the paper."""
    source: str
    """Where it was published."""
    note: str
    """What it is."""


@dataclass(frozen=True)
class Entry:
    """A row of `fedcmr models`."""

    name: str
    published: str
    parameters: int
    """Trainable, in the given settings."""
    source: str
    note: str


_VARIANTS: dict[str, Variant] = {}


def register(name: str, *, published: str, source: str, note: str) -> Callable[[Builder], Builder]:
    """List the decorated builder under `name`.

    Raises:
        ValueError: the name is taken.
    """

    def add(build: Builder) -> Builder:
        if name in _VARIANTS:
            raise ValueError(f"a model named {name!r} is registered already")
        _VARIANTS[name] = Variant(build, published, source, note)
        return build

    return add


def build(settings: ModelSettings, preprocessing: Preprocessing) -> nn.Module:
    """Make a network with fresh weights from torch's current random state.

    The network maps `(B, Z, T, Y, X)` of intensities 0..1 to `(B,)` logits.

    Raises:
        ConfigurationError: no model of this name.
    """
    variant = _VARIANTS.get(settings.name)
    if variant is None:
        raise ConfigurationError(
            f"no model named {settings.name!r}", fix=f"known: {', '.join(sorted(_VARIANTS))}"
        )
    return variant.build(settings, preprocessing)


def entries(settings: ModelSettings, preprocessing: Preprocessing) -> tuple[Entry, ...]:
    """Return every registered model in order, counted under the switches of `settings`."""
    rows = []
    for name, variant in _VARIANTS.items():
        named = settings.model_copy(update={"name": name})
        with torch.device("meta"):
            model = variant.build(named, preprocessing)
        count = sum(parameter.numel() for parameter in model.parameters())
        rows.append(Entry(name, variant.published, count, variant.source, variant.note))
    return tuple(rows)
