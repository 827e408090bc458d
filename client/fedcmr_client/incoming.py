"""A message, pulled object by object; an array that the last one held is not pulled again.

What is used of Flower beyond its public names is held by tests/client/test_flower_contract.py.
"""

import json
from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import TypeAlias, cast

from flwr.app import Array, Message
from flwr.proto.message_pb2 import ObjectTree, PullObjectRequest, PullObjectResponse
from flwr.proto.node_pb2 import Node
from flwr.supercore.inflatable.inflatable_object import (
    InflatableObject,
    get_object_body,
    get_object_head_values_from_object_content,
)
from flwr.supercore.inflatable.inflatable_utils import (
    ObjectPullError,
    ObjectUnavailableError,
    inflate_object_from_contents,
    pull_objects,
)
from flwr.supernode.fleet_http_client import FleetHttpClient
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # has no types

from fedcmr.federation.parts import KIND, apart, part_data

Arrays: TypeAlias = dict[str, InflatableObject]
"""Arrays by the sha256 that names them."""

Content: TypeAlias = bytes | memoryview
Pull: TypeAlias = Callable[[str], Content]


def pull_message(tree: ObjectTree, pull: Pull, known: Arrays) -> tuple[Message, Arrays]:
    """Return the message that a tree describes, and its arrays.

    The merged weights of a round are judged first and trained from then: they are pulled once.

    Args:
        tree: of the message.
        pull: returns the content of an object.
        known: arrays that need not be pulled.

    Raises:
        ObjectPullError: an object is not to be had.
        ValueError: the tree is of no message.
    """
    branches: list[str] = []
    leaves: list[str] = []
    for node in _unknown(tree, known):
        (branches if node.children else leaves).append(node.object_id)
    names = list(dict.fromkeys([*branches, *leaves]))
    contents: dict[str, Content] = {**pull_objects(names, cast(Callable[[str], bytes], pull))}
    arrays = {node.object_id: known[node.object_id] for node in _all(tree, known)}
    for name in branches:
        if name in contents and _kind(bytes(contents[name])) == Array.__qualname__:
            arrays[name] = _joined(bytes(contents.pop(name)), contents)
    others = {name: bytes(content) for name, content in contents.items()}
    message = inflate_object_from_contents(tree.object_id, others, objects=dict(arrays))
    if not isinstance(message, Message):
        raise ValueError("no message")
    message.metadata.__dict__["_message_id"] = tree.object_id
    return message, arrays or known


def puller(client: FleetHttpClient, node: Node, run_id: int) -> Pull:
    """Return what pulls the content of an object; a part of an array is the body that came in.

    Raises, when it is called:
        ObjectPullError: there is no such object.
        ObjectUnavailableError: there is not yet.
        ValueError: the answer is none, or of another content.
    """

    def pull(object_id: str) -> Content:
        answer: object = client._unary_unary(
            path="/v1/fleet/pull-object",
            rpc_method="/flwr.proto.Fleet/PullObject",
            request=PullObjectRequest(node=node, run_id=run_id, object_id=object_id),
            response_type=cast(type[PullObjectResponse], _Body),
        )
        body = cast(_Body, answer).content
        rest, content = apart(body, PullObjectResponse.OBJECT_CONTENT_FIELD_NUMBER)
        try:
            told = PullObjectResponse.FromString(rest)
        except DecodeError:
            raise ValueError("no answer to a request for an object") from None
        if not told.object_found:
            raise ObjectPullError(object_id, "there is no such object")
        if not told.object_available:
            raise ObjectUnavailableError(object_id)
        if sha256(content).hexdigest() != object_id:  # TLS does not see a disk that fails
            raise ValueError("an object arrived damaged")
        return content if content[: len(KIND)] == KIND else bytes(content)

    return pull


class _Body:
    """An answer as it came in; Flower hands it the bytes."""

    content = b""

    def ParseFromString(self, content: bytes) -> None:  # noqa: N802  # protobuf's name
        """Keep the bytes."""
        self.content = content


def _unknown(tree: ObjectTree, known: Arrays) -> Iterator[ObjectTree]:
    if tree.object_id not in known:
        yield tree
        for child in tree.children:
            yield from _unknown(child, known)


def _all(tree: ObjectTree, known: Arrays) -> Iterator[ObjectTree]:
    if tree.object_id in known:
        yield tree
    for child in tree.children:
        yield from _all(child, known)


def _kind(content: bytes) -> str:
    return get_object_head_values_from_object_content(content)[0]


def _joined(content: bytes, parts: dict[str, Content]) -> Array:
    """Return an array, by a single copy of its parts, which are taken out."""
    _, children, _ = get_object_head_values_from_object_content(content)
    found = json.loads(get_object_body(content, Array))
    order = [children[index] for index in found["arraychunk_ids"]]
    bodies = {name: part_data(parts.pop(name)) for name in set(order)}
    data = b"".join(bodies[name] for name in order)
    return Array(str(found["dtype"]), tuple(found["shape"]), str(found["stype"]), data)
