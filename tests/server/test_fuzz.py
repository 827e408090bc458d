"""Made-up bytes on the public port: an answer below 500 or a closed connection, nothing else.

The same while an honest site is served; and nothing of it stays in memory or open.
"""

import gc
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import psutil
import pytest
from conftest import Coordinator
from fedcmr_client.keys import load_site_key
from fleet_requests import connected, exchange, head, is_closed, signed, status_of
from flwr.proto import fleet_pb2, heartbeat_pb2, message_pb2, run_pb2
from flwr.proto.fab_pb2 import GetFabRequest
from flwr.proto.node_pb2 import Node
from flwr.supercore.primitives.asymmetric import public_key_to_bytes
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

FLEET = "/v1/fleet/"
REQUESTS: dict[str, type[Message]] = {
    "activate-node": fleet_pb2.ActivateNodeRequest,
    "deactivate-node": fleet_pb2.DeactivateNodeRequest,
    "register-node": fleet_pb2.RegisterNodeFleetRequest,
    "unregister-node": fleet_pb2.UnregisterNodeFleetRequest,
    "send-node-heartbeat": heartbeat_pb2.SendNodeHeartbeatRequest,
    "pull-messages": fleet_pb2.PullMessagesRequest,
    "push-messages": fleet_pb2.PushMessagesRequest,
    "get-run": run_pb2.GetRunRequest,
    "get-fab": GetFabRequest,
    "push-object": message_pb2.PushObjectRequest,
    "pull-object": message_pb2.PullObjectRequest,
    "confirm-message-received": message_pb2.ConfirmMessageReceivedRequest,
}

fuzz = partial(
    settings,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@dataclass
class Port:
    """The public port with an open run, and what an insider knows."""

    coordinator: Coordinator
    run: int
    node: int
    key: bytes

    def send(self, path: str, body: bytes, headers: dict[str, str] | None = None) -> int | None:
        """Send a signed request; return the status of the answer."""
        whole = signed(self.coordinator) | {"content-length": str(len(body))} | (headers or {})
        return exchange(self.coordinator, head(FLEET + path, whole) + body)

    def pull(self) -> int | None:
        """Ask for messages as an honest site does."""
        request = fleet_pb2.PullMessagesRequest(node=Node(node_id=self.node))
        return self.send("pull-messages", request.SerializeToString())


@pytest.fixture
def port(coordinator: Coordinator) -> Iterator[Port]:
    key = public_key_to_bytes(load_site_key(coordinator.key).public_key())
    node = coordinator.link.states.state().get_node_id_by_public_key(key)
    with coordinator.link.run() as run:
        yield Port(coordinator, run, node, key)


@pytest.fixture(autouse=True)
def honest_site(port: Port) -> Iterator[None]:
    """An honest site is answered all the time, and no memory, file or thread is left behind."""
    assert port.pull() == 200
    process, stop = psutil.Process(), threading.Event()
    answers: list[int | None] = []

    def go_on() -> None:
        while not answers or not stop.wait(0.2):
            answers.append(port.pull())

    files, memory = process.num_fds(), process.memory_info().rss
    thread = threading.Thread(target=go_on)
    thread.start()
    yield
    stop.set()
    thread.join()
    assert set(answers) == {200}
    gc.collect()
    assert process.num_fds() <= files + 10
    assert process.memory_info().rss <= memory + 150 * 2**20


def message_of(kind: type[Message], port: Port) -> st.SearchStrategy[Message]:
    """Draw a message whose fields are what an insider would write, or anything."""

    @st.composite
    def build(draw: st.DrawFn, kind: type[Message], depth: int) -> Message:
        message = kind()
        for field in message.DESCRIPTOR.fields:
            if depth == 0 or not draw(st.integers(0, 4)):
                continue
            repeated = field.is_repeated
            for _ in range(draw(st.integers(0, 3)) if repeated else 1):
                value = draw(value_of(field, depth))
                if field.message_type and field.message_type.GetOptions().map_entry:
                    continue
                target = getattr(message, field.name)
                if field.message_type:
                    (target.add() if repeated else target).CopyFrom(value)
                elif repeated:
                    target.append(value)
                else:
                    setattr(message, field.name, value)
        return message

    def value_of(field: FieldDescriptor, depth: int) -> st.SearchStrategy[object]:
        if field.message_type:
            return build(field.message_type._concrete_class, depth - 1)
        number = st.sampled_from([port.run, port.node, 1, 0, 2**31 - 1])
        text = st.sampled_from(["", "a" * 64, "../../x", "query", "train", "\0"]) | st.text()
        return (
            {
                FieldDescriptor.CPPTYPE_INT32: st.integers(-(2**31), 2**31 - 1),
                FieldDescriptor.CPPTYPE_INT64: st.integers(-(2**63), 2**63 - 1),
                FieldDescriptor.CPPTYPE_UINT32: st.integers(0, 2**32 - 1),
                FieldDescriptor.CPPTYPE_UINT64: number | st.integers(0, 2**64 - 1),
                FieldDescriptor.CPPTYPE_DOUBLE: st.floats() | st.just(30.0),
                FieldDescriptor.CPPTYPE_FLOAT: st.floats(width=32),
                FieldDescriptor.CPPTYPE_BOOL: st.booleans(),
                FieldDescriptor.CPPTYPE_ENUM: st.just(0),
                FieldDescriptor.CPPTYPE_STRING: text.filter(str.isascii),
            }[field.cpp_type]
            if field.type != FieldDescriptor.TYPE_BYTES
            else st.binary() | st.just(port.key)
        )

    return build(kind, 5)


@pytest.mark.parametrize("path", sorted(REQUESTS))
def test_an_insider_who_makes_up_messages_is_refused(port: Port, path: str) -> None:
    @fuzz(max_examples=15)
    @given(message=message_of(REQUESTS[path], port), names_itself=st.booleans())
    def attempt(message: Message, names_itself: bool) -> None:
        if names_itself and "node" in message.DESCRIPTOR.fields_by_name:
            message.node.node_id = port.node
        if names_itself and "run_id" in message.DESCRIPTOR.fields_by_name:
            message.run_id = port.run
        status = port.send(path, message.SerializeToString())
        assert status is not None
        assert status == 200 or 400 <= status < 500

    attempt()


@fuzz(max_examples=30)
@given(path=st.sampled_from(sorted(REQUESTS)), body=st.binary(max_size=300))
def test_an_insider_who_sends_bytes_is_refused(port: Port, path: str, body: bytes) -> None:
    status = port.send(path, body)
    assert status is not None
    assert 400 <= status < 500 or (status == 200 and path == "activate-node")


@fuzz(max_examples=30)
@given(
    path=st.sampled_from(["pull-messages", "pull-object", "push-object"]),
    kind=st.sampled_from(["", "application/json", "application/protobuf; a=b", "text/html"])
    | st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=30),
)
def test_another_content_type_is_refused(port: Port, path: str, kind: str) -> None:
    message = REQUESTS[path]()
    message.node.node_id = port.node
    status = port.send(path, message.SerializeToString(), {"content-type": kind.strip()})
    assert status is not None
    assert 400 <= status < 500


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS", "TRACE", "PRI"])
def test_another_method_is_refused(port: Port, method: str) -> None:
    headers = signed(port.coordinator) | {"content-length": "0"}
    status = exchange(port.coordinator, head(FLEET + "pull-messages", headers, method))
    assert status is not None
    assert 400 <= status < 500


def heads() -> st.SearchStrategy[bytes]:
    """Draw the beginning of something that may look like HTTP."""
    line = st.sampled_from(
        [
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"GET /v1/fleet/../control/start-run HTTP/1.1\r\n",
            b"POST /v1/fleet/%2e%2e/control HTTP/1.1\r\nhost: x\r\n\r\n",
            b"POST /v1/fleet/get-run HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
            b"POST /v1/fleet/get-run HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n",
            b"GET / HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n",
            b"GET / HTTP/1.0\r\n\r\n" * 50,
            b"\0" * 70_000,
            b"GET /" + b"a" * 70_000,
            b"POST / HTTP/1.1\r\n" + b"x: y\r\n" * 12_000,
        ]
    )
    return st.builds(bytes.__add__, line | st.just(b""), st.binary(max_size=200))


@fuzz(max_examples=30)
@given(request=heads())
def test_a_stranger_who_sends_bytes_is_refused_or_cut_off(port: Port, request: bytes) -> None:
    status = exchange(port.coordinator, request + b"\r\n\r\n")
    assert status is None or 400 <= status < 500


def test_a_body_that_is_cut_off_counts_for_nothing(port: Port) -> None:
    before = threading.active_count()
    headers = signed(port.coordinator) | {"content-length": "1000000"}
    for _ in range(20):
        with connected(port.coordinator) as connection:
            connection.sendall(head(FLEET + "push-object", headers) + b"x" * 1000)
    assert threading.active_count() <= before + 1


def test_a_request_that_is_sent_twice_changes_nothing(port: Port) -> None:
    request = fleet_pb2.PullMessagesRequest(node=Node(node_id=port.node)).SerializeToString()
    headers = signed(port.coordinator) | {"content-length": str(len(request))}
    whole = head(FLEET + "pull-messages", headers) + request
    assert [exchange(port.coordinator, whole) for _ in range(3)] == [200, 200, 200]
    aimed_elsewhere = head(FLEET + "unregister-node", headers) + request
    assert exchange(port.coordinator, aimed_elsewhere) in range(400, 500)


def test_answers_that_nobody_reads_do_not_block_others(port: Port) -> None:
    headers = signed(port.coordinator) | {"content-length": "0"}
    with connected(port.coordinator) as connection:
        connection.sendall(head(FLEET + "get-run", headers) * 20)
        assert port.pull() == 200
        assert status_of(connection) == 401
    with connected(port.coordinator) as connection:
        connection.sendall(head(FLEET + "nothing", {}) * 20)
        assert status_of(connection) == 403
        assert is_closed(connection)
