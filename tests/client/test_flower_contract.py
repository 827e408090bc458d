"""What a site uses of Flower beyond its public names; a new Flower must fail here."""

import inspect
from collections.abc import Callable

import httpx
import pytest
from flwr.supercore.heartbeat import HeartbeatSender
from flwr.supercore.inflatable import inflatable_protobuf_utils as wire
from flwr.supercore.inflatable.inflatable_utils import (
    inflate_object_from_contents,
    pull_objects,
    push_objects,
)
from flwr.supernode.fleet_http_client import FleetHttpClient
from flwr.supernode.node_auth_http_interceptor import NodeAuthHttpInterceptor


@pytest.mark.parametrize(
    ("function", "parameters"),
    [
        (FleetHttpClient.from_server_address, ["server_address", "insecure", "root_certificates"]),
        (NodeAuthHttpInterceptor.__init__, ["self", "private_key", "public_key"]),
        (HeartbeatSender.__init__, ["self", "heartbeat_fn"]),
        (wire.make_pull_object_fn_protobuf, ["pull_object_protobuf", "node", "run_id"]),
        (
            wire.make_push_object_fn_protobuf,
            ["push_object_protobuf", "node", "run_id", "session_id"],
        ),
        (
            wire.make_confirm_message_received_fn_protobuf,
            ["confirm_message_received_protobuf", "node", "run_id"],
        ),
        (pull_objects, ["object_ids", "pull_object_fn"]),
        (
            inflate_object_from_contents,
            ["object_id", "object_contents", "keep_object_contents", "objects"],
        ),
        (push_objects, ["objects", "push_object_fn"]),
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
        "PullObject",
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
