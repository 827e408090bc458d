"""Parts of arrays over real connections: the bytes, and whom Flower's application refuses."""

import numpy as np
import pytest
from conftest import Coordinator
from fedcmr_server.parcel import Parcel
from fedcmr_server.transfer import CONTENT, PULL, PUSH, read_upload
from fleet_requests import exchange, head, signed
from flwr.app import Array, ArrayRecord, RecordDict
from flwr.proto.message_pb2 import PullObjectRequest, PullObjectResponse, PushObjectRequest
from flwr.proto.node_pb2 import Node

from fedcmr.federation.parts import KIND, field_head, part_head


def posted(coordinator: Coordinator, path: str, body: bytes) -> int:
    extra = {"content-length": str(len(body)), "content-type": "application/protobuf"}
    return exchange(coordinator, head(path, signed(coordinator) | extra) + body)


def test_a_response_is_what_flower_would_have_said() -> None:
    content = b"x" * 300
    head = PullObjectResponse(object_found=True, object_available=True).SerializeToString()
    mine = head + field_head(CONTENT, len(content)) + content
    whole = PullObjectResponse(object_found=True, object_available=True, object_content=content)
    assert mine == whole.SerializeToString()


@pytest.mark.parametrize("content", [part_head(300) + b"x" * 300, b"another object"])
def test_an_upload_is_read_as_flower_would_read_it(content: bytes) -> None:
    request = PushObjectRequest(
        node=Node(node_id=7), run_id=8, object_id="a" * 64, object_content=content, session_id="s"
    )
    upload = read_upload(request.SerializeToString())
    assert (upload.node, upload.run_id) == (request.node, request.run_id)
    assert (upload.object_id, upload.session_id) == (request.object_id, request.session_id)
    assert upload.object_content == content
    assert isinstance(upload.object_content, memoryview) == content.startswith(KIND)


@pytest.mark.parametrize("path", [PULL, PUSH])
def test_what_is_no_request_is_refused(coordinator: Coordinator, path: str) -> None:
    with coordinator.link.run():
        assert posted(coordinator, path, b"\xff\xff\xff") == 400


@pytest.mark.parametrize("path", [PULL, PUSH])
def test_a_run_that_does_not_exist_is_refused(coordinator: Coordinator, path: str) -> None:
    node = Node(node_id=coordinator.link._nodes["one"])
    kind = PullObjectRequest if path == PULL else PushObjectRequest
    with coordinator.link.run() as run:
        body = kind(node=node, run_id=run + 1, object_id="a" * 64).SerializeToString()
        assert posted(coordinator, path, body) == 400


@pytest.mark.parametrize("kind", [PullObjectRequest, PushObjectRequest])
def test_a_request_in_the_name_of_another_site_is_refused(
    coordinator: Coordinator, kind: type[PullObjectRequest] | type[PushObjectRequest]
) -> None:
    content = RecordDict({"arrays": ArrayRecord({"weights": Array(np.ones(9, np.float32))})})
    with coordinator.link.run() as run:
        parcel: Parcel = coordinator.link.keep(content)
        body = kind(node=Node(node_id=1), run_id=run, object_id=parcel.tree.object_id)
        path = PULL if kind is PullObjectRequest else PUSH
        assert posted(coordinator, path, body.SerializeToString()) == 401
