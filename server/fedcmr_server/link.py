"""The coordinator's messages to enrolled sites and their replies, by Flower's state in memory.

What is used of Flower beyond its public names is held by tests/server/test_flower_contract.py.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

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
from flwr.supercore.object_store import ObjectStoreFactory
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

    def admit(self, name: str, public_key: Path) -> None:
        """Let the holder of this key connect; admitting twice changes nothing."""
        if name in self._names.values():
            return
        key = public_key_to_bytes(load_ssh_public_key(public_key.read_bytes()))  # type: ignore[arg-type]
        node = self._state.create_node(NOOP_FLWR_AID, NOOP_ACCOUNT_NAME, key, 0, name=name)
        self._names[node] = name

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
        self,
        contents: Mapping[str, RecordDict],
        message_type: str,
        *,
        timeout_s: float,
        on_reply: Callable[[str, Message], None] = lambda name, reply: None,
    ) -> dict[str, Message]:
        """Send one message to each named site and wait for the replies.

        Args:
            contents: site name -> content.
            message_type: "query", "train" or "evaluate".
            timeout_s: seconds after which a site counts as silent.
            on_reply: called with site name and reply as each arrives.

        Returns:
            Site name -> reply, sorted by name so that sums do not depend on arrival; a site that
            went away or stayed silent has a reply with an error.
        """
        nodes = {name: node for node, name in self._names.items()}
        deadline = time.monotonic() + timeout_s
        waiting = {
            self._push(Message(content, nodes[name], message_type, ttl=timeout_s)): name
            for name, content in contents.items()
        }
        replies: dict[str, Message] = {}
        announced: list[Message] = []
        while waiting and time.monotonic() < deadline:
            announced += self._state.get_message_res(
                message_ids=set(waiting) - {m.metadata.reply_to_message_id for m in announced},
                run_id=TaskIdentity.run_id,
            )
            for reply in [m for m in announced if self._is_complete(m)]:
                announced.remove(reply)
                name = waiting.pop(reply.metadata.reply_to_message_id)
                replies[name] = self._take(reply)
                on_reply(name, replies[name])
            time.sleep(POLL_S)
        silence = Error(ErrorCode.REPLY_MESSAGE_UNAVAILABLE, f"no answer within {timeout_s:g} s")
        for message_id, name in waiting.items():
            self._state.delete_messages({message_id})
            replies[name] = Message(
                silence, reply_to=Message(RecordDict(), nodes[name], message_type, ttl=1)
            )
        return dict(sorted(replies.items()))

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
        tree = store.get_object_tree(reply.metadata.message_id)
        return {
            node.object_id: store.get(node.object_id) or b"" for node in iterate_object_tree(tree)
        }

    def _is_complete(self, reply: Message) -> bool:
        # A reply is announced before its objects are uploaded.
        return reply.has_error() or all(self._objects(reply).values())

    def _take(self, reply: Message) -> Message:
        self._state.delete_messages({reply.metadata.reply_to_message_id})
        if reply.has_error():
            return reply
        message_id = reply.metadata.message_id
        inflated = inflate_object_from_contents(message_id, self._objects(reply))
        self._state.object_store.delete(message_id)
        assert isinstance(inflated, Message)
        return inflated
