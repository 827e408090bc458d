"""A reply as it leaves: an envelope, and objects that are named by their sha256 and pushed.

A part of an array is copied once, into the body of the request that carries it. What is used of
Flower beyond its public names is held by tests/client/test_flower_contract.py.
"""

from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from typing import cast

from flwr.app import Array, Message
from flwr.app.message import remove_content_from_message
from flwr.app.message.arraychunk import ArrayChunk
from flwr.common.serde import message_to_proto
from flwr.proto.message_pb2 import PushObjectRequest
from flwr.proto.node_pb2 import Node
from flwr.supercore.inflatable.inflatable_object import (
    InflatableObject,
    get_all_nested_objects,
    get_object_tree,
    no_object_id_recompute,
)
from flwr.supercore.inflatable.inflatable_utils import ObjectPushError
from flwr.supernode.fleet_http_client import FleetHttpClient

from fedcmr.federation.parts import field_head, part_head, part_name, sliced

AT_ONCE = 2
"""Objects on their way at the same time."""


class Packed:
    """A reply as it travels.

    Args:
        reply: answer to a received message; it must not change any more.
    """

    def __init__(self, reply: Message) -> None:
        self.run_id = reply.metadata.run_id
        if reply.has_content():
            for record in reply.content.array_records.values():
                for array in record.values():
                    _cut(array)
        with no_object_id_recompute():
            reply.metadata.__dict__["_message_id"] = reply.object_id
            self.objects = get_all_nested_objects(reply)
            self.tree = get_object_tree(reply)
        bare = remove_content_from_message(reply) if reply.has_content() else reply
        self.envelope = message_to_proto(bare)

    @property
    def size(self) -> int:
        """Bytes of envelope and objects, before HTTP and TLS."""
        envelope: int = self.envelope.ByteSize()
        lengths = (sum(map(len, _pieces(item))) for item in self.objects.values())
        return envelope + sum(lengths)

    def push(
        self, client: FleetHttpClient, node: Node, session_id: str, names: Collection[str]
    ) -> None:
        """Push objects.

        Args:
            client: of the coordinator.
            node: this site.
            session_id: that the coordinator has opened for the reply.
            names: of the objects that it lacks.

        Raises:
            ObjectPushError: the coordinator does not take one.
        """

        def push(name: str) -> None:
            head = PushObjectRequest(
                node=node, run_id=self.run_id, object_id=name, session_id=session_id
            )
            upload = cast(PushObjectRequest, _Upload(head, _pieces(self.objects[name])))
            if not client.PushObject(upload).stored:
                raise ObjectPushError(name, self.run_id, session_id)

        with ThreadPoolExecutor(AT_ONCE) as pool:
            for _ in pool.map(push, [name for name in self.objects if name in names]):
                pass


class _Part(ArrayChunk):
    """A part of an array that names itself without a copy of its data."""

    @property
    def object_id(self) -> str:
        known: dict[str, str] = self.__dict__
        if "_name" not in known:
            known["_name"] = part_name([self.data])
        return known["_name"]

    def deflate(self) -> bytes:
        """As ArrayChunk, whose name it has on the wire."""
        return b"".join(_pieces(self))


class _Upload:
    """A request to push an object, whose content is in pieces; Flower asks it for its bytes."""

    def __init__(self, head: PushObjectRequest, pieces: tuple[bytes | memoryview, ...]) -> None:
        self._head = head
        self._pieces = pieces

    def SerializeToString(self, *, deterministic: bool) -> bytes:  # noqa: N802  # protobuf's name
        """Return the message (protobuf encoding)."""
        field = PushObjectRequest.OBJECT_CONTENT_FIELD_NUMBER
        head: bytes = self._head.SerializeToString(deterministic=deterministic)
        length = field_head(field, sum(map(len, self._pieces)))
        return b"".join((head, length, *self._pieces))


def _cut(array: Array) -> None:
    """Put parts that name themselves in the place of those that Flower would make."""
    parts = [_Part(data) for [data] in sliced(array.data)]
    array.__dict__["_chunks"] = [(part.object_id, part) for part in parts]


def _pieces(item: InflatableObject) -> tuple[bytes | memoryview, ...]:
    if isinstance(item, _Part):
        return part_head(len(item.data)), item.data
    return (item.deflate(),)
