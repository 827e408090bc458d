"""What is sent to the sites, and what the envelope of an answer may look like."""

from dataclasses import dataclass

from flwr.app import RecordDict
from flwr.proto.message_pb2 import ObjectTree

LEVELS = 5
"""Message, records, record, array, part."""

MOST_OBJECTS = 10_000
"""Objects of one reply: 40 GB in parts of 4 MiB."""


@dataclass(frozen=True)
class Parcel:
    """A content that lies in the store once, for any number of messages."""

    tree: ObjectTree


@dataclass(frozen=True)
class Sent:
    """A message on its way to a site, and over which of the site's connections."""

    name: str
    connection: int
    message_id: str


class Stored(RecordDict):
    """Stands for a content that lies in the store already."""

    def __init__(self, object_id: str) -> None:
        super().__init__()
        self.__dict__["_stored_id"] = object_id

    @property
    def object_id(self) -> str:
        """The name of the content in the store."""
        return str(self.__dict__["_stored_id"])


def is_small(tree: ObjectTree) -> bool:
    """Tell whether a tree has no more objects and levels than a reply with two arrays."""
    level, count = [tree], 0
    for _ in range(LEVELS):
        count += len(level)
        level = [child for node in level for child in node.children]
        if count + len(level) > MOST_OBJECTS:
            return False
    return not level
