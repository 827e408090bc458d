"""Values of header elements straight from their bytes, without pydicom's value objects.

A header pass over an export is bound by the making of those objects.
"""

import math
import struct
from collections.abc import Mapping
from typing import Self

from pydicom.charset import convert_encodings, decode_bytes
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from fedcmr.dicom import tags


class Elements:
    """Typed look-up by tag; a missing or malformed value reads as empty."""

    def __init__(
        self,
        raw: Mapping[int, bytes],
        dataset: Dataset | None = None,
        *,
        items: dict[int, list["Elements"]] | None = None,
        big_endian: bool = False,
    ) -> None:
        self._raw = raw
        self._dataset = dataset
        self._big_endian = big_endian
        self._items = {} if items is None else items

    @classmethod
    def of(cls, dataset: Dataset, *, big_endian: bool = False) -> Self:
        """Return the elements of a data set as pydicom read it."""
        raw: dict[int, bytes] = {}
        for element in dataset.values():
            if isinstance(element, RawDataElement):
                raw[int(element.tag)] = element.value or b""
            elif element.tag == tags.SPECIFIC_CHARACTER_SET:  # pydicom needed it at once
                names = element.value if isinstance(element.value, MultiValue) else [element.value]
                raw[int(element.tag)] = "\\".join(name or "" for name in names).encode()
            else:
                raw[int(element.tag)] = b""
        return cls(raw, dataset, big_endian=big_endian)

    def text(self, tag: int) -> str:
        """Return the whole value, trimmed; values are parted by a backslash."""
        value = self._raw.get(tag, b"")
        if value.isascii():
            return value.decode("ascii").strip(" \0")
        names = convert_encodings(list(self.texts(tags.SPECIFIC_CHARACTER_SET)))
        return decode_bytes(value, names, set()).strip(" \0")

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
        if self._dataset is not None and tag not in self._items:
            found = self._dataset[tag] if tag in self._raw else None
            items = found.value if found is not None and found.VR == "SQ" else ()
            self._items[tag] = [Elements.of(item, big_endian=self._big_endian) for item in items]
        return self._items.get(tag, [])
