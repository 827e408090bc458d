"""Networks by name.

A family file lists its variants with `register`; an experiment names one of them. Every network
maps a cine `(B, Z, T, Y, X)` of intensities 0..1 to logits `(B,)`, in the shape that its
preprocessing states: a study of Z slices for scar, one slice (Z = 1) for MVO.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, get_args

import torch
from torch import Tensor, nn

from fedcmr.config import Preprocessing, TaskName
from fedcmr.errors import ConfigurationError
from fedcmr.network import ModelName, ModelSettings

Builder: TypeAlias = Callable[[ModelSettings, Preprocessing], nn.Module]

TRAINING_ONLY = "map_branch"
"""The submodule that training needs and a release does not carry."""

PUBLISHED_INPUT: dict[TaskName, Preprocessing] = {
    "scar": Preprocessing(),
    "mvo": Preprocessing(slices=1, phases=30, size=64),
}
"""What the published counts belong to."""


@dataclass(frozen=True)
class Count:
    """A published number of parameters and the switches that reach it."""

    published: str
    """As printed, in millions; "-" where nothing was printed."""
    switches: Mapping[str, Any] = field(default_factory=dict)
    why: str = ""
    """Why ours differs, or which choice of ours reaches it."""


@dataclass(frozen=True)
class Variant:
    """A registered network."""

    build: Builder
    task: TaskName
    counts: tuple[Count, ...]
    source: str
    """Where it was published."""
    note: str
    """What it is."""


@dataclass(frozen=True)
class Entry:
    """A row of `fedcmr models`."""

    name: str
    switches: dict[str, Any]
    """What the settings say besides the name."""
    task: TaskName
    published: str
    parameters: int
    """In training, at the input of the publication."""
    inference_parameters: int
    """Of the network that a release carries."""
    equal: bool
    """Whether ours rounds to the published number."""
    why: str
    source: str
    note: str
    private: bool
    """Whether it can be trained under differential privacy: no layer mixes patients."""


_VARIANTS: dict[str, Variant] = {}


def register(
    name: str, *, task: TaskName, counts: Sequence[Count], source: str, note: str
) -> Callable[[Builder], Builder]:
    """List the decorated builder under `name`.

    Raises:
        ValueError: the name is taken.
    """

    def add(build: Builder) -> Builder:
        if name in _VARIANTS:
            raise ValueError(f"a model named {name!r} is registered already")
        _VARIANTS[name] = Variant(build, task, tuple(counts), source, note)
        return build

    return add


def build(
    settings: ModelSettings, preprocessing: Preprocessing, *, inference: bool = False
) -> nn.Module:
    """Make a network with fresh weights from torch's current random state.

    With `inference` it has no part that only training needs: the network of a release.

    Raises:
        ConfigurationError: no model of this name, or one for another input.
    """
    variant = _VARIANTS.get(settings.name)
    if variant is None:
        raise ConfigurationError(
            f"no model named {settings.name!r}", fix=f"known: {', '.join(sorted(_VARIANTS))}"
        )
    if variant.task == "mvo" and preprocessing.slices != 1:
        raise ConfigurationError(
            f"{settings.name} sees one slice, preprocessing has {preprocessing.slices}",
            fix="set preprocessing.slices to 1",
        )
    model = variant.build(settings, preprocessing)
    if inference and hasattr(model, TRAINING_ONLY):
        setattr(model, TRAINING_ONLY, None)
    return model


def inference_state(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights of `build(..., inference=True)` among those of a trained network."""
    return {
        name: value for name, value in state.items() if not name.startswith(f"{TRAINING_ONLY}.")
    }


def entries() -> tuple[Entry, ...]:
    """Return every published count beside ours, in the order of the settings."""
    return tuple(
        _entry(name, _VARIANTS[name], count)
        for name in get_args(ModelName)
        for count in _VARIANTS[name].counts
    )


def _entry(name: str, variant: Variant, count: Count) -> Entry:
    settings = ModelSettings.model_validate({"name": name, **count.switches})
    with torch.device("meta"):
        trained = build(settings, PUBLISHED_INPUT[variant.task])
        released = build(settings, PUBLISHED_INPUT[variant.task], inference=True)
    parameters = _size(trained)
    return Entry(
        name=name,
        switches=dict(count.switches),
        task=variant.task,
        published=count.published,
        parameters=parameters,
        inference_parameters=_size(released),
        equal=_rounded(parameters, count.published) == count.published,
        why=count.why,
        source=variant.source,
        note=variant.note,
        private=settings.norm == "group",
    )


def _size(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def _rounded(parameters: int, published: str) -> str:
    """Return millions with as many decimals as the published number has."""
    decimals = len(published.removesuffix("M").partition(".")[2])
    return f"{parameters / 1e6:.{decimals}f}M"
