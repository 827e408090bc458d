import hashlib

import pytest

from fedcmr.federation.parts import (
    MOST_FIELDS,
    apart,
    field_head,
    part_data,
    part_head,
    part_name,
    sliced,
    varint,
)

DATA = bytes(range(256)) * 5


def test_pieces_are_cut_into_parts_of_one_size_but_the_last() -> None:
    parts = [*sliced(DATA[:300], DATA[300:], size=256)]
    assert [sum(map(len, part)) for part in parts] == [256] * 5
    assert b"".join(piece for part in parts for piece in part) == DATA
    assert [len(part) for part in parts] == [1, 2, 1, 1, 1]
    assert [len(piece) for [piece] in sliced(DATA, size=1000)] == [1000, 280]
    assert [*sliced(b"")] == []


def test_a_part_is_a_head_and_its_data_and_is_named_by_both() -> None:
    content = part_head(len(DATA)) + DATA
    assert bytes(part_data(content)) == DATA
    pieces = [memoryview(DATA[:7]), memoryview(DATA[7:])]
    assert part_name(pieces) == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(
    "content", [b"", DATA, part_head(9) + DATA, b"Array  3\0abc", b"ArrayChunk  3abc" + DATA]
)
def test_what_is_no_part_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="no part"):
        part_data(content)


def test_a_field_is_taken_out_of_a_message() -> None:
    rest = field_head(1, 3) + b"abc" + varint(2 << 3) + varint(300)
    message = rest[:5] + field_head(4, len(DATA)) + DATA + rest[5:]
    left, taken = apart(message, 4)
    assert (left, bytes(taken)) == (rest, DATA)
    assert apart(rest, 4) == (rest, b"")


@pytest.mark.parametrize(
    "message",
    [
        b"\xff",
        field_head(4, 10) + b"short",
        b"\x0d\0\0\0\0",
        varint(1 << 3) + b"\xff" * 11,
        field_head(1, 0) * (MOST_FIELDS + 1),
    ],
)
def test_what_is_no_message_is_refused(message: bytes) -> None:
    with pytest.raises(ValueError, match=r"cut off|another type|too many"):
        apart(message, 4)
