"""What the rounds ask of a strategy: merge the updates of one round into new weights."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

from fedcmr.errors import DataError
from fedcmr.types import FloatArray


@dataclass(frozen=True)
class Piece:
    """Consecutive values of an update, little-endian float32, in a file that may hold more."""

    path: Path
    offset: int
    """Bytes of the file before them."""
    count: int


@dataclass(frozen=True)
class Update:
    """The weights of one site after a round, in files.

    Raises:
        ValueError: no examples; such a site has nothing to say in a merge.
    """

    name: str
    examples: int
    """Studies it was trained on."""
    pieces: tuple[Piece, ...]
    """P values in all, in order."""

    def __post_init__(self) -> None:
        if self.examples < 1:
            raise ValueError(f"the update of {self.name} is of no examples")

    def columns(self, part: slice) -> FloatArray:
        """Read the entries `part` of the vector, (part.stop - part.start,).

        The files are read, not mapped: mapped pages of all updates would count as memory in use.

        Raises:
            DataError: a file is missing or shorter.
        """
        values, first, found = np.empty(part.stop - part.start, "<f4"), 0, 0
        for piece in self.pieces:
            start, stop = max(part.start, first), min(part.stop, first + piece.count)
            if start < stop:
                room = values[start - part.start : stop - part.start]
                found += _read(piece, start - first, room)
            first += piece.count
        if found != values.size:
            where = str(self.pieces[0].path.parent)
            raise DataError("a received update is damaged", where=where, fix="delete it")
        return values


def _read(piece: Piece, first: int, room: FloatArray) -> int:
    """Fill `room` from the value number `first` of a piece on; return how many were there."""
    try:
        with piece.path.open("rb", buffering=0) as file:
            file.seek(piece.offset + 4 * first)
            return (file.readinto(room.data) or 0) // 4
    except OSError:
        return 0


@dataclass(frozen=True)
class Merged:
    """The outcome of a round."""

    weights: FloatArray
    """(P,), an array of its own."""
    unused: tuple[str, ...] = field(default=())
    """Sites whose updates a selecting strategy left out, in the order of the updates."""


class Strategy(Protocol):
    """How the weights of the sites become one."""

    def merge(self, weights: FloatArray, updates: Sequence[Update], set_aside: int = 0) -> Merged:
        """Merge one round; the same updates in the same order give the same bits.

        Args:
            weights: that the sites started from, (P,).
            updates: at least one, ordered by name. They are read in blocks of columns, so that
                memory does not grow with their number.
            set_aside: updates of this round that failed a check before: where too few are left,
                so many hostile sites less are withstood.

        Raises:
            PartialRun: too few updates for this strategy; nothing has changed.
            DataError: an update cannot be read; the strategy must not be used any more.
        """
        ...

    def state(self) -> dict[str, FloatArray]:
        """Return what the next round needs besides the weights; {} for most strategies."""
        ...

    def restore(self, state: Mapping[str, FloatArray]) -> None:
        """Go on from what `state` returned.

        Raises:
            DataError: it is not the state of this strategy.
        """
        ...


class Stateless:
    """The half of a strategy that keeps nothing between rounds."""

    def state(self) -> dict[str, FloatArray]:
        """Return an empty mapping."""
        return {}

    def restore(self, state: Mapping[str, FloatArray]) -> None:
        """Accept an empty mapping.

        Raises:
            DataError: there is something in it.
        """
        check_state(state, {})


def check_state(found: Mapping[str, FloatArray], expected: Mapping[str, FloatArray]) -> None:
    """Refuse a state with other names, types or shapes, or with a value that is not finite.

    Raises:
        DataError: it does not fit.
    """
    if found.keys() == expected.keys() and all(
        array.shape == expected[name].shape
        and array.dtype == expected[name].dtype
        and np.isfinite(array).all()
        for name, array in found.items()
    ):
        return
    raise DataError(
        "the checkpoint holds the state of another strategy",
        fix="restore it or delete the run",
    )
