"""Values of a pydicom data set straight from their bytes, without pydicom's value objects.

A header pass over an export is bound by the making of those objects; see docs on speed.
"""

import math
import struct

from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset


class Elements:
    """Typed look-up by tag; a missing or malformed value reads as empty."""

    def __init__(self, dataset: Dataset, *, big_endian: bool = False) -> None:
        self._dataset = dataset
        self._big_endian = big_endian
        self._raw = {
            int(element.tag): element.value or b""
            for element in dataset.values()
            if isinstance(element, RawDataElement)
        }

    def text(self, tag: int) -> str:
        """Return the whole value, trimmed; values are parted by a backslash."""
        value = self._raw.get(tag, b"")
        if not value.isascii():
            value = str(self._dataset[tag].value).encode()
        return value.decode().strip(" \0")

    def texts(self, tag: int) -> tuple[str, ...]:
        """Return the values, trimmed."""
        return tuple(part.strip() for part in self.text(tag).split("\\"))

    def numbers(self, tag: int) -> tuple[float, ...]:
        """Return the values of a DS, IS or TM element; empty if one is not a finite number."""
        try:
            values = tuple(
                float(part) for part in self._raw.get(tag, b"").strip(b" \0").split(b"\\")
            )
        except ValueError:
            return ()
        return values if all(map(math.isfinite, values)) else ()

    def number(self, tag: int) -> float | None:
        """Return the first value of a DS, IS or TM element."""
        values = self.numbers(tag)
        return values[0] if values else None

    def unsigned(self, tag: int) -> int:
        """Return a US value; 0 if missing."""
        value = self._raw.get(tag, b"")
        return int.from_bytes(value[:2], "big" if self._big_endian else "little")

    def double(self, tag: int) -> float | None:
        """Return the first value of an FD element."""
        value = self._raw.get(tag, b"")
        if len(value) < 8:
            return None
        number: float = struct.unpack(">d" if self._big_endian else "<d", value[:8])[0]
        return number if math.isfinite(number) else None

    def items(self, tag: int) -> list["Elements"]:
        """Return the items of a sequence."""
        element = self._dataset.get(tag)
        items = element.value if element is not None and element.VR == "SQ" else ()
        return [Elements(item, big_endian=self._big_endian) for item in items]
