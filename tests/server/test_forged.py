"""An enrolled site that answers for another, twice, or what nobody asked."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Barrier

import numpy as np
import pytest
from conftest import Coordinator
from fedcmr_client.keys import load_site_key, make_site_key
from fedcmr_client.link import Connection, connect
from fedcmr_client.packed import Packed
from fedcmr_server.parcel import Sent
from fleet_requests import exchange, head, signed
from flwr.app import Array, ArrayRecord, Message, RecordDict
from flwr.app.message import remove_content_from_message
from flwr.common.serde import message_to_proto
from flwr.proto.fleet_pb2 import PushMessagesRequest
from flwr.proto.message_pb2 import (
    ConfirmMessageReceivedRequest,
    PullObjectRequest,
    PushObjectRequest,
)
from flwr.proto.node_pb2 import Node
from flwr.supercore.inflatable.inflatable_object import get_object_tree
from google.protobuf.message import Message as Request

from fedcmr.errors import NetworkError


@dataclass
class Scene:
    """Two sites, each with a question."""

    honest: Connection
    hostile: Connection
    asked: dict[str, Sent]
    coordinator: Coordinator


@pytest.fixture
def scene(coordinator: Coordinator, tmp_path: Path) -> Iterator[Scene]:
    link = coordinator.link
    link.admit("two", make_site_key(tmp_path / "hostile_key").read_bytes())
    keys = [load_site_key(path) for path in (coordinator.key, tmp_path / "hostile_key")]
    with (
        link.run(),
        connect(coordinator.address, coordinator.ca, keys[0]) as honest,
        connect(coordinator.address, coordinator.ca, keys[1]) as hostile,
    ):
        parcel = link.keep(RecordDict({"arrays": ArrayRecord({"w": Array(np.zeros(3))})}))
        asked = {name: link.send(name, parcel, "train", ttl_s=60.0) for name in ("one", "two")}
        yield Scene(honest, hostile, asked, coordinator)


def question(connection: Connection) -> Message:
    while (message := connection.receive()) is None:
        pass
    return message


def reply(message: Message, value: float, **forged: object) -> Message:
    content = RecordDict({"arrays": ArrayRecord({"w": Array(np.full(3, value))})})
    answer = Message(content, reply_to=message)
    for name, made_up in forged.items():
        answer.metadata.__dict__[f"_{name}"] = made_up
    return answer


def answered(scene: Scene, name: str) -> float | None:
    found = scene.coordinator.link.answer(scene.asked[name])
    if found is None:
        return None
    array = found.content().array_records["arrays"]["w"]
    return float(np.frombuffer(b"".join(part.data for part in found.data(array))[-24:])[0])


def test_an_answer_counts_only_from_the_site_that_was_asked(scene: Scene) -> None:
    to_honest, to_hostile = question(scene.honest), question(scene.hostile)
    forgeries = [
        reply(to_honest, 666.0),  # says that it is the honest one
        reply(to_honest, 666.0, src_node_id=scene.hostile.node_id),
        reply(to_hostile, 666.0, src_node_id=scene.honest.node_id),
        reply(to_hostile, 666.0, reply_to_message_id=to_honest.metadata.message_id),
        reply(to_hostile, 666.0, reply_to_message_id="0" * 64),
        reply(to_hostile, 666.0, reply_to_message_id=""),
    ]
    for forged in forgeries:
        with pytest.raises(NetworkError, match="HTTP 409"):
            scene.hostile.send(Packed(forged), 0.1)
    assert answered(scene, "one") is None
    scene.honest.send(Packed(reply(to_honest, 1.0)), 0.1)
    assert answered(scene, "one") == 1.0


def test_the_first_answer_counts_and_no_other(scene: Scene) -> None:
    asked = question(scene.hostile)
    scene.hostile.send(Packed(reply(asked, 1.0)), 0.1)
    with pytest.raises(NetworkError, match="HTTP 409"):
        scene.hostile.send(Packed(reply(asked, 2.0)), 0.1)
    assert answered(scene, "two") == 1.0


def test_of_many_answers_at_the_same_moment_one_is_taken(scene: Scene) -> None:
    answer = reply(question(scene.hostile), 1.0)
    answer.metadata.__dict__["_message_id"] = answer.object_id
    request = PushMessagesRequest(
        node=Node(node_id=scene.hostile.node_id),
        messages_list=[message_to_proto(remove_content_from_message(answer))],
        message_object_trees=[get_object_tree(answer)],
    )
    together = Barrier(8)

    def push(_: int) -> bool:
        together.wait()
        return bool(scene.coordinator.link.accepts(request))

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(push, range(8))) == 1


def test_an_answer_that_comes_too_late_is_refused(scene: Scene) -> None:
    asked = question(scene.honest)
    scene.coordinator.link.forget(scene.asked["one"])
    with pytest.raises(NetworkError, match="HTTP 409"):
        scene.honest.send(Packed(reply(asked, 1.0)), 0.1)


@pytest.mark.parametrize("name", ["../server.key", "../../x", "/etc/passwd", "", ".", "a" * 64])
def test_names_of_objects_are_no_paths(scene: Scene, tmp_path: Path, name: str) -> None:
    node = Node(node_id=scene.honest.node_id)
    run = question(scene.honest).metadata.run_id
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    def send(path: str, request: Request) -> int | None:
        body = request.SerializeToString()
        headers = signed(scene.coordinator) | {"content-length": str(len(body))}
        return exchange(scene.coordinator, head(f"/v1/fleet/{path}", headers) + body)

    pull = PullObjectRequest(node=node, run_id=run, object_id=name)
    assert send("pull-object", pull) == 200  # and says that there is none
    push = PushObjectRequest(node=node, run_id=run, object_id=name, object_content=b"x")
    assert send("push-object", push) == 200
    confirm = ConfirmMessageReceivedRequest(node=node, run_id=run, message_object_id=name)
    assert send("confirm-message-received", confirm) == 200
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
