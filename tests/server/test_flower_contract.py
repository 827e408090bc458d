"""What the coordinator uses of Flower beyond its public names; a new Flower must fail here."""

import inspect
import json
import socket
from dataclasses import fields
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
from fastapi.routing import APIRoute
from fedcmr_client.keys import make_site_key
from fedcmr_server.door import Door
from fedcmr_server.gate import FLEET
from fedcmr_server.link import FleetLink
from fedcmr_server.listener import fleet_app
from flwr.app import Array, RecordDict
from flwr.server.superlink.linkstate import LinkState
from flwr.server.superlink.linkstate.in_memory_linkstate import InMemoryLinkState
from flwr.supercore.inflatable.inflatable_object import get_object_body
from flwr.supercore.object_store.in_memory_object_store import InMemoryObjectStore, ObjectEntry
from flwr.superlink.federation import NoOpFederationManager
from flwr.superlink.routers.fleet.router import router
from flwr.superlink.servicer.fleet.fleet_handlers import push_object


def test_flower_is_the_version_that_was_read() -> None:
    assert version("flwr") == "1.41.0"


def test_fleet_routes_are_those_that_were_read() -> None:
    paths = {route.path for route in router.routes if isinstance(route, APIRoute)}
    assert paths == {
        FLEET + name
        for name in (
            "activate-node",
            "confirm-message-received",
            "deactivate-node",
            "get-fab",
            "get-run",
            "pull-messages",
            "pull-object",
            "push-messages",
            "push-object",
            "register-node",
            "send-node-heartbeat",
            "unregister-node",
        )
    }


def test_application_has_no_other_route(tmp_path: Path) -> None:
    served = {
        getattr(route, "path", FLEET)
        for route in fleet_app(FleetLink(tmp_path), Door(socket.socket())).routes
    }
    assert all(path.startswith(FLEET) for path in served)


@pytest.mark.parametrize(
    ("method", "parameters"),
    [
        ("create_node", ["owner_aid", "owner_name", "public_key", "heartbeat_interval"]),
        ("create_run", ["fab_id", "fab_version", "fab_hash", "override_config"]),
        ("store_message_and_object_tree", ["message", "object_tree", "session_id"]),
        ("store_object", ["run_id", "session_id", "object_id", "object_content"]),
        ("get_message_res", ["message_ids", "run_id"]),
        ("delete_messages", ["message_ins_ids"]),
        ("start_session", ["run_id"]),
        ("claim_task", ["task_id"]),
        ("activate_task", ["task_id"]),
        ("acknowledge_task_heartbeat", ["task_id"]),
        ("finish_task", ["task_id", "sub_status", "details"]),
        ("deactivate_node", ["node_id"]),
    ],
)
def test_link_state_has_the_methods_that_are_called(method: str, parameters: list[str]) -> None:
    found = list(inspect.signature(getattr(LinkState, method)).parameters)
    assert found[1 : len(parameters) + 1] == parameters


def test_state_and_store_in_memory_have_the_tables_that_are_read() -> None:
    store = InMemoryObjectStore()
    state = InMemoryLinkState(NoOpFederationManager(), store)
    assert state.message_ins_store == state.message_res_store == {}
    assert state.message_ins_id_to_message_res_id == {}
    assert state.lock.acquire(blocking=False)
    assert store.store == {}
    assert {field.name for field in fields(ObjectEntry)} >= {
        "content",
        "is_available",
        "child_object_ids",
        "ref_count",
    }


def test_an_array_names_its_parts_in_order() -> None:
    array = Array(np.zeros(3_000_000, np.float32))
    found = json.loads(get_object_body(array.deflate(), Array))
    assert set(found) == {"dtype", "shape", "stype", "arraychunk_ids"}
    assert len(found["arraychunk_ids"]) == len(array.slice_array()) > 1


def test_the_handler_of_a_pushed_part_takes_what_is_passed() -> None:
    assert list(inspect.signature(push_object).parameters) == ["request", "state"]


def test_a_message_that_waits_has_no_time_of_delivery(tmp_path: Path) -> None:
    link = FleetLink(tmp_path / "objects")
    link.admit("one", make_site_key(tmp_path / "key").read_bytes())
    with link.run():
        state = link.states.state()
        [node] = state.get_node_info()
        state.activate_node(node.node_id, 60)
        sent = link.send("one", link.keep(RecordDict()), "train", ttl_s=60)
        metadata = state.message_ins_store[sent.message_id].metadata
        assert not metadata.delivered_at
        state.get_message_ins(metadata.dst_node_id, limit=1)
        assert metadata.delivered_at
