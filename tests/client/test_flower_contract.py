"""What a site uses of Flower beyond its public names; a new Flower must fail here."""

import inspect
from collections.abc import Callable

import httpx
import numpy as np
import pytest
from fedcmr_client.packed import Packed
from flwr.app import Array, ArrayRecord, Message, RecordDict
from flwr.supercore.heartbeat import HeartbeatSender
from flwr.supercore.inflatable import inflatable_protobuf_utils as wire
from flwr.supercore.inflatable.inflatable_object import get_all_nested_objects
from flwr.supercore.inflatable.inflatable_utils import (
    inflate_object_from_contents,
    pull_objects,
)
from flwr.supernode.fleet_http_client import FleetHttpClient
from flwr.supernode.node_auth_http_interceptor import NodeAuthHttpInterceptor
from site_files import question

from fedcmr.federation.messages import PART


@pytest.mark.parametrize(
    ("function", "parameters"),
    [
        (FleetHttpClient.from_server_address, ["server_address", "insecure", "root_certificates"]),
        (NodeAuthHttpInterceptor.__init__, ["self", "private_key", "public_key"]),
        (HeartbeatSender.__init__, ["self", "heartbeat_fn"]),
        (FleetHttpClient._unary_unary, ["self", "path", "rpc_method", "request", "response_type"]),
        (
            wire.make_confirm_message_received_fn_protobuf,
            ["confirm_message_received_protobuf", "node", "run_id"],
        ),
        (pull_objects, ["object_ids", "pull_object_fn"]),
        (
            inflate_object_from_contents,
            ["object_id", "object_contents", "keep_object_contents", "objects"],
        ),
    ],
)
def test_functions_take_what_is_passed(
    function: Callable[..., object], parameters: list[str]
) -> None:
    assert list(inspect.signature(function).parameters)[: len(parameters)] == parameters


@pytest.mark.parametrize(
    "call",
    [
        "ActivateNode",
        "DeactivateNode",
        "SendNodeHeartbeat",
        "PullMessages",
        "PushMessages",
        "PushObject",
        "ConfirmMessageReceived",
        "GetRun",
    ],
)
def test_fleet_client_has_the_calls_that_are_made(call: str) -> None:
    assert list(inspect.signature(getattr(FleetHttpClient, call)).parameters) == ["self", "request"]


def test_the_http_client_of_the_fleet_client_can_be_given_another_transport() -> None:
    with FleetHttpClient("https://localhost", verify=False) as client:
        assert isinstance(client._client, httpx.Client)
        assert isinstance(client._client._transport, httpx.BaseTransport)


def test_objects_have_the_names_and_contents_that_flower_would_give_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("flwr.app.message.array.FLWR_PRIVATE_MAX_ARRAY_CHUNK_SIZE", PART)
    values = np.arange(3_000_000, dtype=np.float32)

    def reply() -> Message:
        return Message(RecordDict({"arrays": ArrayRecord({"w": Array(values)})}), reply_to=asked)

    asked = question("train")
    packed, plain = Packed(reply()), reply()
    mine = {name: item.deflate() for name, item in packed.objects.items()}
    for name, item in get_all_nested_objects(plain.content).items():
        assert mine[name] == item.deflate()
    assert packed.size == packed.envelope.ByteSize() + sum(map(len, mine.values()))
