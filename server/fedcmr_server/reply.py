"""A site's answer, read from disk piece by piece: no array of it is ever whole in memory."""

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from flwr.app import Array, Message, RecordDict
from flwr.supercore.inflatable.inflatable_object import (
    InflatableObject,
    get_object_body,
    get_object_head_values_from_object_content,
)
from flwr.supercore.inflatable.inflatable_utils import inflatable_class_registry

from fedcmr.errors import PartialRun
from fedcmr.federation.parts import part_data
from fedcmr_server.objects import DiskObjectStore

LONGEST_REASON = 500
"""Characters of a site's refusal that are kept."""


@dataclass(frozen=True)
class Part:
    """A part of an array, where it lies."""

    data: memoryview
    """Holds until the next part is read."""
    path: Path | None = None
    """File that it is the end of, named by the sha256 of the whole; until the next part is read.
    None for a part that the coordinator sends, too: its file is not the site's."""
    offset: int = 0
    """Bytes of the file before the data."""


def _nothing(array: Array) -> Iterator[Part]:
    return iter(())


@dataclass(frozen=True)
class Reply:
    """Records without the data of their arrays, or the reason why there are none."""

    records: RecordDict = field(default_factory=RecordDict)
    refusal: str = ""
    data: Callable[[Array], Iterator[Part]] = _nothing
    """Reads the bytes of one of the arrays, once."""

    def content(self) -> RecordDict:
        """Return the records.

        Raises:
            PartialRun: the site refused, or could not answer.
        """
        if self.refusal:
            raise PartialRun(self.refusal[:LONGEST_REASON])
        return self.records


def open_reply(message: Message, store: DiskObjectStore) -> Reply:
    """Return what a message that has arrived holds.

    Raises:
        Exception: of any kind, where a site has uploaded something else than a message.
    """
    if message.has_error():
        return Reply(refusal=message.error.reason or "the site could not answer")
    known: dict[str, InflatableObject] = {}

    def inflate(object_id: str) -> InflatableObject:
        if object_id not in known:
            content = store.get(object_id) or b""
            kind, children, _ = get_object_head_values_from_object_content(content)
            if kind == Array.__qualname__:
                # The parts stay where they are; their names take the place of the data.
                found = json.loads(get_object_body(content, Array))
                names = ",".join(children[index] for index in found["arraychunk_ids"])
                known[object_id] = Array(
                    str(found["dtype"]), tuple(found["shape"]), str(found["stype"]), names.encode()
                )
            else:
                below = {child: inflate(child) for child in children}
                known[object_id] = inflatable_class_registry[kind].inflate(content, below)
        return known[object_id]

    def data(array: Array) -> Iterator[Part]:
        room, names = bytearray(), array.data.decode().split(",")
        left = Counter(names)
        for part in names:
            file = store.open(part)
            if file is None:
                raise ValueError("a part is missing")
            with file:
                size = os.fstat(file.fileno()).st_size
                if size > len(room):
                    room = bytearray(size)
                file.readinto(memoryview(room)[:size])
            content = part_data(memoryview(room)[:size])
            path = None if store.is_own(part) else store.folder / part
            yield Part(content, path, size - len(content))
            left[part] -= 1
            if not left[part]:
                store.spend(part, known)

    inflated = inflate(message.metadata.message_id)
    if not isinstance(inflated, Message):
        raise TypeError("no message")
    return Reply(inflated.content, data=data)
