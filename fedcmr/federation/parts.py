"""Arrays in parts as Flower names and stores them, and messages around them, without copies.

Flower's own code copies a part four to six times on each side. The form of a part is that of its
ArrayChunk, a head and the data; both sides hold it against Flower's in their contract tests.
"""

import hashlib
from collections.abc import Iterator

from fedcmr.federation.messages import PART

KIND = b"ArrayChunk "
LONGEST_HEAD = 64
MOST_FIELDS = 16
"""Of one message; a request for a part has five."""


def part_head(length: int) -> bytes:
    """Return what precedes the data of a part of so many bytes."""
    return b"%b %d\0" % (KIND, length)


def part_data(content: bytes | memoryview) -> memoryview:
    """Return the data of a part, not a copy.

    Raises:
        ValueError: it is no part, or of another length than its head says.
    """
    view = memoryview(content)
    head, end, _ = bytes(view[:LONGEST_HEAD]).partition(b"\0")
    data = view[len(head) + 1 :]
    if not end or head + end != part_head(len(data)):
        raise ValueError("no part of an array")
    return data


def sliced(*pieces: bytes | memoryview, size: int = PART) -> Iterator[list[memoryview]]:
    """Cut consecutive pieces into parts of `size` bytes, each as pieces; nothing is copied."""
    part: list[memoryview] = []
    room = size
    for piece in pieces:
        view = memoryview(piece).cast("B")
        while view:
            part.append(view[:room])
            view = view[room:]
            room -= len(part[-1])
            if not room:
                yield part
                part, room = [], size
    if part:
        yield part


def part_name(pieces: list[memoryview]) -> str:
    """Return the sha256 that names a part with this data, in hex."""
    whole = hashlib.sha256(part_head(sum(map(len, pieces))))
    for piece in pieces:
        whole.update(piece)
    return whole.hexdigest()


def varint(number: int) -> bytes:
    """Return a number as protobuf writes it ("base 128 varint")."""
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    found.append(number)
    return bytes(found)


def field_head(field: int, length: int) -> bytes:
    """Return what precedes a field of so many bytes ("length-delimited")."""
    return varint(field << 3 | 2) + varint(length)


def apart(message: bytes, field: int) -> tuple[bytes, memoryview]:
    """Return a protobuf message without one field of bytes, and that field, not a copy.

    Raises:
        ValueError: it is no message, or one with many fields.
    """
    view, rest, taken, at = memoryview(message), bytearray(), memoryview(b""), 0
    for _ in range(MOST_FIELDS):
        if at == len(view):
            return bytes(rest), taken
        start = at
        tag, at = _number(view, at)
        if tag & 7 == 0:
            _, at = _number(view, at)
        elif tag & 7 == 2:
            length, at = _number(view, at)
            at += length
        else:
            raise ValueError("a field of another type")
        if at > len(view):
            raise ValueError("a field that is cut off")
        if tag == field << 3 | 2:
            taken = view[at - length : at]
        else:
            rest += view[start:at]
    raise ValueError("too many fields")


def _number(view: memoryview, at: int) -> tuple[int, int]:
    """Read a varint; return it and where the next byte is."""
    number = 0
    for count, byte in enumerate(view[at : at + 10]):
        number |= (byte & 0x7F) << (7 * count)
        if byte < 0x80:
            return number, at + count + 1
    raise ValueError("a number that is cut off")
