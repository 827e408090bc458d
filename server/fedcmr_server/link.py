"""The coordinator's messages to enrolled sites and their replies, by Flower's state in memory.

What is used of Flower beyond its public names is held by tests/server/test_flower_contract.py.
"""

import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_ssh_public_key
from flwr.app import Error, Message, RecordDict
from flwr.common.constant import (
    NOOP_ACCOUNT_NAME,
    NOOP_FLWR_AID,
    SUPERLINK_NODE_ID,
    ErrorCode,
    SubStatus,
)
from flwr.server.superlink.linkstate import LinkState, LinkStateFactory
from flwr.supercore.constant import (
    FLWR_IN_MEMORY_DB_NAME,
    NOOP_FEDERATION_ID,
    NodeStatus,
    TaskType,
)
from flwr.supercore.inflatable.inflatable_object import (
    get_all_nested_objects,
    get_object_tree,
    iterate_object_tree,
    no_object_id_recompute,
)
from flwr.supercore.inflatable.inflatable_utils import inflate_object_from_contents
from flwr.supercore.object_store import NoObjectInStoreError, ObjectStoreFactory
from flwr.supercore.primitives.asymmetric import public_key_to_bytes
from flwr.supercore.task_identity import TaskIdentity
from flwr.superlink.federation import NoOpFederationManager

from fedcmr import __version__

POLL_S = 0.05
"""Pause between two looks for replies in memory; no network traffic is involved."""

TASK_HEARTBEAT_S = 10.0
"""Flower ends a run whose task has not been heard of for 60 s."""


class FleetLink:
    """Enrolled sites, the messages to them and their replies."""

    def __init__(self) -> None:
        objects = ObjectStoreFactory(FLWR_IN_MEMORY_DB_NAME)
        self.states = LinkStateFactory(FLWR_IN_MEMORY_DB_NAME, NoOpFederationManager(), objects)
        self._state: LinkState = self.states.state()
        self._names: dict[int, str] = {}
        self._connections: Counter[int] = Counter()

    def connected(self, node: int) -> None:
        """Note that a site has connected, perhaps again after a crash."""
        self._connections[node] += 1

    def admit(self, name: str, public_key: Path) -> None:
        """Let the holder of this key connect; admitting twice changes nothing.

        Raises:
            ValueError: the file is no public key.
        """
        if name in self._names.values():
            return
        key = load_ssh_public_key(public_key.read_bytes())
        if not isinstance(key, ec.EllipticCurvePublicKey):
            raise ValueError("not an elliptic-curve key")
        encoded = public_key_to_bytes(key)
        node = self._state.create_node(NOOP_FLWR_AID, NOOP_ACCOUNT_NAME, encoded, 0, name=name)
        self._names[node] = name

    def enrolled(self) -> list[str]:
        """Return the names of the sites that may connect, sorted."""
        return sorted(self._names.values())

    def online(self) -> list[str]:
        """Return the names of the sites that are connected now, sorted."""
        nodes = self._state.get_node_info(node_ids=list(self._names), statuses=[NodeStatus.ONLINE])
        return sorted(self._names[node.node_id] for node in nodes)

    @contextmanager
    def run(self) -> Iterator[int]:
        """Open one Flower run, without any code bundle, and keep it alive."""
        run_id = self._state.create_run(
            "fedcmr/fedcmr",
            __version__,
            "",
            {},
            NOOP_FEDERATION_ID,
            None,
            NOOP_FLWR_AID,
            TaskType.SERVER_APP,
        )
        [task] = self._state.get_tasks(run_ids=[run_id])
        self._state.claim_task(task.task_id)
        self._state.activate_task(task.task_id)
        TaskIdentity.run_id = run_id
        TaskIdentity.node_id = SUPERLINK_NODE_ID
        TaskIdentity.task_id = task.task_id
        closing = threading.Event()

        def heartbeat() -> None:
            while not closing.wait(TASK_HEARTBEAT_S):
                self._state.acknowledge_task_heartbeat(task.task_id)

        thread = threading.Thread(target=heartbeat, name="run-heartbeat", daemon=True)
        thread.start()
        try:
            yield run_id
        finally:
            closing.set()
            thread.join()
            self._state.finish_task(task.task_id, SubStatus.COMPLETED, "")

    def exchange(
        self, contents: Mapping[str, RecordDict], message_type: str, *, timeout_s: float
    ) -> dict[str, Message]:
        """Send one message to each named site and wait for the replies.

        A site that connects anew before it answered, after a crash, is sent its message again.

        Args:
            contents: site name -> content.
            message_type: "query", "train" or "evaluate".
            timeout_s: seconds after which a site counts as silent.

        Returns:
            Site name -> reply, sorted by name so that sums do not depend on arrival; a site that
            went away, stayed silent or sent what cannot be read has a reply with an error.
        """
        deadline = time.monotonic() + timeout_s
        nodes = {name: node for node, name in self._names.items()}

        def push(name: str) -> "_Sent":
            message = Message(contents[name], nodes[name], message_type, ttl=timeout_s)
            return _Sent(name, message, self._connections[nodes[name]], self._push(message))

        waiting = [push(name) for name in contents]
        replies: dict[str, Message] = {}
        while waiting and time.monotonic() < deadline:
            for sent in list(waiting):
                answer = self._answer(sent)
                if answer is not None:
                    replies[sent.name] = answer
                    waiting.remove(sent)
                elif self._connections[nodes[sent.name]] != sent.connection:
                    self._forget(sent)
                    waiting[waiting.index(sent)] = push(sent.name)
            time.sleep(POLL_S)
        for sent in waiting:
            replies[sent.name] = _failure(sent, f"no answer within {timeout_s:g} s")
            self._forget(sent)
        return dict(sorted(replies.items()))

    def _answer(self, sent: "_Sent") -> Message | None:
        """Return the reply when all of it is here."""
        if sent.reply is None:
            found = self._state.get_message_res({sent.message_id}, TaskIdentity.run_id)
            if not found:
                return None
            sent.reply = found[0]
        reply = sent.reply
        try:
            objects = self._objects(reply)
            if not all(objects.values()):
                return None  # a reply is announced before its objects are uploaded
            inflated: object = reply
            if not reply.has_error():
                inflated = inflate_object_from_contents(reply.metadata.message_id, objects)
            if not isinstance(inflated, Message):
                inflated = _failure(sent, "the reply is not a message")
        except Exception as error:  # whatever an enrolled site uploads must not end the run
            inflated = _failure(sent, f"the reply cannot be read ({type(error).__name__})")
        self._forget(sent)
        return inflated

    def _forget(self, sent: "_Sent") -> None:
        self._state.delete_messages({sent.message_id})
        for message in (sent.message, sent.reply):
            if message is not None:
                with suppress(NoObjectInStoreError):
                    self._state.object_store.delete(message.metadata.message_id)

    def _push(self, message: Message) -> str:
        with no_object_id_recompute():
            message.metadata.__dict__["_message_id"] = message.object_id
            tree, objects = get_object_tree(message), get_all_nested_objects(message)
            session = self._state.start_session(message.metadata.run_id)
            self._state.store_message_and_object_tree(message, tree, session)
            for object_id, item in objects.items():
                self._state.store_object(
                    message.metadata.run_id, session, object_id, item.deflate()
                )
        return message.metadata.message_id

    def _objects(self, reply: Message) -> dict[str, bytes]:
        store = self._state.object_store
        try:
            tree = store.get_object_tree(reply.metadata.message_id)
        except NoObjectInStoreError:
            if reply.has_error():  # made by Flower itself: the site is away
                return {}
            raise
        return {
            node.object_id: store.get(node.object_id) or b"" for node in iterate_object_tree(tree)
        }


@dataclass
class _Sent:
    """A message on its way, and its reply once that was announced."""

    name: str
    message: Message
    connection: int
    message_id: str
    reply: Message | None = None


def _failure(sent: _Sent, reason: str) -> Message:
    return Message(Error(ErrorCode.REPLY_MESSAGE_UNAVAILABLE, reason), reply_to=sent.message)
