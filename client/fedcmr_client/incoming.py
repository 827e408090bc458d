"""A message, pulled object by object; an array that the last one held is not pulled again.

What is used of Flower beyond its public names is held by tests/client/test_flower_contract.py.
"""

import json
from collections.abc import Callable, Iterator
from typing import TypeAlias

from flwr.app import Array, Message
from flwr.app.message.arraychunk import ArrayChunk
from flwr.proto.message_pb2 import ObjectTree
from flwr.supercore.inflatable.inflatable_object import (
    InflatableObject,
    get_object_body,
    get_object_head_values_from_object_content,
)
from flwr.supercore.inflatable.inflatable_utils import inflate_object_from_contents, pull_objects

Arrays: TypeAlias = dict[str, InflatableObject]
"""Arrays by the sha256 that names them."""


def pull_message(
    tree: ObjectTree, pull: Callable[[str], bytes], known: Arrays
) -> tuple[Message, Arrays]:
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
    contents = pull_objects(list(dict.fromkeys([*branches, *leaves])), pull)
    arrays = {node.object_id: known[node.object_id] for node in _all(tree, known)}
    for name in branches:
        if name in contents and _kind(contents[name]) == Array.__qualname__:
            arrays[name] = _joined(contents.pop(name), contents)
    message = inflate_object_from_contents(tree.object_id, contents, objects=dict(arrays))
    if not isinstance(message, Message):
        raise ValueError("no message")
    message.metadata.__dict__["_message_id"] = tree.object_id
    return message, arrays or known


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


def _joined(content: bytes, parts: dict[str, bytes]) -> Array:
    """Return an array, by a single copy of its parts, which are taken out."""
    _, children, _ = get_object_head_values_from_object_content(content)
    found = json.loads(get_object_body(content, Array))
    order = [children[index] for index in found["arraychunk_ids"]]
    bodies = {name: get_object_body(parts.pop(name), ArrayChunk) for name in set(order)}
    data = b"".join(bodies[name] for name in order)
    return Array(str(found["dtype"]), tuple(found["shape"]), str(found["stype"]), data)
