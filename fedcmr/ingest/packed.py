"""Values kept as compressed bytes: the headers of 2,000 studies would fill a gigabyte as objects.

In memory only: they hold the hospital's own identifiers.
"""

import pickle
import zlib
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar, overload

_Value = TypeVar("_Value")


def pack(value: object) -> bytes:
    """Return a value as bytes; headers fill about 60 a file."""
    return zlib.compress(pickle.dumps(value, pickle.HIGHEST_PROTOCOL), 1)


def unpack(packed: bytes) -> Any:
    """Return what this program packed."""
    return pickle.loads(zlib.decompress(packed))  # noqa: S301  its own, never left its processes


class Packed(Sequence[_Value]):
    """A sequence whose values are made anew each time that they are asked for."""

    def __init__(self, packed: Iterable[bytes]) -> None:
        self._packed = list(packed)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._packed)

    @overload
    def __getitem__(self, place: int) -> _Value: ...

    @overload
    def __getitem__(self, place: slice) -> "Packed[_Value]": ...

    def __getitem__(self, place: int | slice) -> "_Value | Packed[_Value]":
        """Return a value, or some still packed."""
        if isinstance(place, slice):
            return Packed(self._packed[place])
        value: _Value = unpack(self._packed[place])
        return value
