"""The coordinator's messages to enrolled sites and their replies, by Flower's state in memory.

What is used of Flower beyond its public names is held by tests/server/test_flower_contract.py.
"""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_ssh_public_key
from flwr.app import Message, RecordDict
from flwr.app.message import remove_content_from_message
from flwr.common.constant import NOOP_ACCOUNT_NAME, NOOP_FLWR_AID, SUPERLINK_NODE_ID, SubStatus
from flwr.proto.fleet_pb2 import PushMessagesRequest
from flwr.proto.message_pb2 import ObjectTree
from flwr.server.superlink.linkstate import LinkStateFactory
from flwr.server.superlink.linkstate.in_memory_linkstate import InMemoryLinkState
from flwr.supercore.constant import (
    FLWR_IN_MEMORY_DB_NAME,
    NOOP_FEDERATION_ID,
    NodeStatus,
    TaskType,
)
from flwr.supercore.inflatable.inflatable_object import (
    InflatableObject,
    get_object_tree,
    no_object_id_recompute,
)
from flwr.supercore.object_store import ObjectStoreFactory
from flwr.supercore.primitives.asymmetric import public_key_to_bytes
from flwr.supercore.task_identity import TaskIdentity
from flwr.superlink.federation import NoOpFederationManager

from fedcmr import __version__
from fedcmr_server.disk import writing
from fedcmr_server.objects import DiskObjectStore
from fedcmr_server.parcel import Parcel, Sent, Stored, is_small
from fedcmr_server.reply import Reply, open_reply
from fedcmr_server.shelf import Shelf
from fedcmr_server.waiting import Waiting

log = logging.getLogger("fedcmr")

TASK_HEARTBEAT_S = 10.0
"""Flower ends a run whose task has not been heard of for 60 s."""


class FleetLink:
    """Enrolled sites, the messages to them and their replies.

    Args:
        folder: for what is on its way; emptied at the start.
    """

    def __init__(self, folder: Path) -> None:
        self.objects = DiskObjectStore(folder)
        self.shelf = Shelf(self.objects)
        stores = ObjectStoreFactory(FLWR_IN_MEMORY_DB_NAME)
        stores.store_instance = self.objects
        self._state = InMemoryLinkState(NoOpFederationManager(), self.objects)
        self.states = LinkStateFactory(FLWR_IN_MEMORY_DB_NAME, NoOpFederationManager(), stores)
        self.states.state_instance = self._state
        self._names: dict[int, str] = {}
        self._nodes: dict[str, int] = {}
        self._connections: dict[int, int] = {}
        self._connection_numbers = count(1)
        self._waiting = Waiting()
        self.withdrawn: dict[str, str] = {}
        """Site that may no longer connect, to the reason."""
        self._taken: set[str] = set()
        """Messages whose answer was accepted."""

    def connected(self, node: int) -> None:
        """Note that a site has connected, perhaps again after a crash."""
        self._connections[node] = next(self._connection_numbers)
        self._waiting.ring(node)  # what the connection before still asks is nobody's question

    def connection(self, name: str) -> int:
        """Return the number of a site's connection, 0 before the first; no two are the same."""
        return self._connections.get(self._nodes[name], 0)

    def admit(self, name: str, public_key: bytes) -> None:
        """Let the holder of an OpenSSH key connect; admitting twice changes nothing.

        Raises:
            ValueError: it is no public key, or another site's.
        """
        key = load_ssh_public_key(public_key)
        if not isinstance(key, ec.EllipticCurvePublicKey):
            raise ValueError("not an elliptic-curve key")
        encoded = public_key_to_bytes(key)
        if name in self._nodes:
            if self._state.get_node_id_by_public_key(encoded) == self._nodes[name]:
                return
            self.withdraw(name, "enrolled with another key")
        node = self._state.create_node(NOOP_FLWR_AID, NOOP_ACCOUNT_NAME, encoded, 0, name=name)
        self._names[node], self._nodes[name] = name, node
        self.withdrawn.pop(name, None)

    def withdraw(self, name: str, reason: str) -> None:
        """Refuse a site from now on; what it is uploading does not count any more."""
        self.withdrawn[name] = reason
        node = self._nodes.pop(name, None)
        if node is None:
            return
        log.warning("%s may no longer connect: %s", name, reason)
        del self._names[node]
        self._waiting.ring(node)
        with self._state.lock:
            # Flower's own delete_node() fails for a site that never connected, and would not let
            # its key in again.
            self._state.deactivate_node(node)
            del self._state.node_public_key_to_node_id[self._state.nodes[node].public_key]

    def is_enrolled(self, node: int) -> bool:
        """Tell whether a node may connect, now: its request may have been under way for long."""
        return node in self._names

    def enrolled(self) -> list[str]:
        """Return the names of the sites that may connect, sorted."""
        return sorted(self._nodes)

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
            self._waiting.end()
            self._state.finish_task(task.task_id, SubStatus.COMPLETED, "")
            self.objects.clear()

    def keep(self, content: RecordDict) -> Parcel:
        """Put a content into the store, for messages, until `drop`.

        Raises:
            DataError: the disk is full.
        """
        with no_object_id_recompute(), writing(self.objects.folder):
            tree = get_object_tree(content)
            missing = set(self.objects.preregister(TaskIdentity.run_id, tree))
            self.objects.hold(tree.object_id)
            self._keep(content, missing)
        return Parcel(tree)

    def drop(self, parcel: Parcel) -> None:
        """Let go of a content."""
        self.objects.release(parcel.tree.object_id)

    def send(self, name: str, parcel: Parcel, kind: str, *, ttl_s: float) -> Sent:
        """Send a message.

        Args:
            name: of the site.
            parcel: what to send.
            kind: "query.handshake", "train", "evaluate" and so on.
            ttl_s: seconds after which a reply no longer counts.
        """
        node, connection = self._nodes[name], self.connection(name)
        message = Message(Stored(parcel.tree.object_id), node, kind, ttl=ttl_s)
        message_id = message.metadata.__dict__["_message_id"] = message.object_id
        session = self._state.start_session(message.metadata.run_id)
        tree = ObjectTree(object_id=message_id, children=[parcel.tree])
        bare = remove_content_from_message(message)
        self._state.store_message_and_object_tree(bare, tree, session)
        self._state.store_object(message.metadata.run_id, session, message_id, message.deflate())
        self._waiting.ring(node)
        return Sent(name, connection, message_id)

    async def question(self, node: int, wait_s: float) -> bool:
        """Return when there is a message for a node that asks for one, or after some seconds.

        Returns:
            Whether the answer still reaches the node: it has not connected anew meanwhile, and was
            not withdrawn. A message counts as delivered as soon as it is handed out.
        """
        connection = self._connections.get(node)

        def is_there() -> bool:
            with self._state.lock:
                return any(
                    message.metadata.dst_node_id == node and not message.metadata.delivered_at
                    for message in self._state.message_ins_store.values()
                )

        if wait_s:
            await self._waiting.until(node, is_there, wait_s)
        return self.is_enrolled(node) and self._connections.get(node) == connection

    def answer(self, sent: Sent) -> Reply | None:
        """Return the reply when all of it is here; a site that is away has none.

        Raises:
            DataError: the disk could not take what a site sent.
        """
        self.objects.check()
        with self._state.lock:  # a reply is entered a moment before its objects are
            reply_id = self._state.message_ins_id_to_message_res_id.get(sent.message_id)
            message = self._state.message_res_store.get(reply_id or "")
        if message is None:
            return None
        try:
            if not message.has_error() and not self.objects.has_all_of(message.metadata.message_id):
                return None  # a reply is announced before its objects are uploaded
            return open_reply(message, self.objects)
        except Exception as error:  # whatever an enrolled site uploads must not end the run
            return Reply(refusal=f"the reply cannot be read ({type(error).__name__})")

    def accepts(self, request: PushMessagesRequest) -> bool:
        """Take a push where it is one whole reply, by the site that was asked, the first one.

        Flower believes what a message says of its sender; `node` has been proved by then. Of
        several pushes at the same moment one is taken.
        """
        if len(request.messages_list) != 1 or len(request.message_object_trees) != 1:
            return False
        [message], [tree] = request.messages_list, request.message_object_trees
        asked, node = message.metadata.reply_to_message_id, request.node.node_id
        with self._state.lock:
            question = self._state.message_ins_store.get(asked)
            is_answer = (
                question is not None
                and asked not in self._taken
                and question.metadata.dst_node_id == message.metadata.src_node_id == node
                and tree.object_id == message.metadata.message_id
                and is_small(tree)
            )
            if is_answer:
                self._taken.add(asked)
            return is_answer

    def forget(self, sent: Sent) -> None:
        """Delete a message and its reply, whether it has come or not."""
        with self._state.lock:
            reply_id = self._state.message_ins_id_to_message_res_id.get(sent.message_id)
            self._state.delete_messages({sent.message_id})
            self._taken.discard(sent.message_id)
        for object_id in (sent.message_id, reply_id):
            if object_id is not None:
                self.objects.delete(object_id)

    def _keep(self, item: InflatableObject, missing: set[str]) -> None:
        """Store an object and what is under it, one after the other: they may be large."""
        for child in (item.children or {}).values():
            self._keep(child, missing)
        if item.object_id in missing:
            missing.remove(item.object_id)
            self.objects.put(item.object_id, item.deflate())
