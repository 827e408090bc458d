"""The site's side of Flower's fleet API: outbound HTTPS to one port, in the site's own process.

Flower's SuperNode fetches a bundle of code and starts it anew for every message. Here messages are
pulled, answered by the installed package in this process and pushed back, so that no code is
fetched at all and torch, the data set and the network stay loaded between messages. What is used
of Flower beyond its public names is held by tests/client/test_flower_contract.py.
"""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import httpx
from cryptography.hazmat.primitives.asymmetric import ec
from flwr.app import Message
from flwr.common.constant import HEARTBEAT_DEFAULT_INTERVAL
from flwr.common.serde import message_from_proto, run_from_proto
from flwr.proto.fleet_pb2 import (
    ActivateNodeRequest,
    DeactivateNodeRequest,
    PullMessagesRequest,
    PushMessagesRequest,
)
from flwr.proto.heartbeat_pb2 import SendNodeHeartbeatRequest
from flwr.proto.node_pb2 import Node
from flwr.proto.run_pb2 import GetRunRequest
from flwr.supercore.heartbeat import HeartbeatSender
from flwr.supercore.inflatable.inflatable_protobuf_utils import (
    make_confirm_message_received_fn_protobuf,
)
from flwr.supercore.inflatable.inflatable_utils import ObjectPullError, ObjectPushError
from flwr.supercore.interceptors.http.runtime_version import RuntimeVersionHttpInterceptor
from flwr.supercore.primitives.asymmetric import public_key_to_bytes
from flwr.supercore.protobuf.client import ProtobufCall, ProtobufRequestContext
from flwr.supernode.fleet_http_client import FleetHttpClient
from flwr.supernode.node_auth_http_interceptor import NodeAuthHttpInterceptor

from fedcmr.errors import ConfigurationError, NetworkError
from fedcmr.federation.messages import VERSION_HEADER
from fedcmr_client.incoming import Arrays, pull_message, puller
from fedcmr_client.packed import Packed
from fedcmr_client.transport import Transport

WAIT_S = 5
"""For how long the coordinator may hold a question for messages; a stop takes as long."""


class Connection:
    """An activated site: pull one message, push its reply."""

    def __init__(
        self, client: FleetHttpClient, node_id: int, server: str, server_version: str
    ) -> None:
        self.node_id = node_id
        self.server_version = server_version
        self._client = client
        self._node = Node(node_id=node_id)
        self._server = server
        self._arrays: Arrays = {}

    def receive(self) -> Message | None:
        """Return the next message with its content, or None.

        Raises:
            NetworkError: the coordinator cannot be reached or no longer knows this connection.
        """
        with _network_errors(self._server):
            response = self._client.PullMessages(PullMessagesRequest(node=self._node))
            if not response.messages_list:
                return None
            announced = message_from_proto(response.messages_list[0])
            run_id, tree = announced.metadata.run_id, response.message_object_trees[0]
            pull = puller(self._client, self._node, run_id)
            confirm = make_confirm_message_received_fn_protobuf(
                self._client.ConfirmMessageReceived, self._node, run_id
            )
            message, self._arrays = pull_message(tree, pull, self._arrays)
            confirm(tree.object_id)
            return message

    def bundle_hash(self, run_id: int) -> str:
        """Return the hash of the code bundle that a run asks its sites to execute; "" for none.

        Raises:
            NetworkError: the coordinator cannot be reached or does not know the run.
        """
        with _network_errors(self._server):
            request = GetRunRequest(node=self._node, run_id=run_id)
            return run_from_proto(self._client.GetRun(request).run).fab_hash

    def send(self, reply: Packed, seconds: float) -> None:
        """Push a reply.

        Args:
            reply: answer to a received message.
            seconds: time spent on it, which Flower records.

        Raises:
            NetworkError: the coordinator cannot be reached or has closed the run.
        """
        with _network_errors(self._server):
            response = self._client.PushMessages(
                PushMessagesRequest(
                    node=self._node,
                    messages_list=[reply.envelope],
                    message_object_trees=[reply.tree],
                    clientapp_runtime_list=[seconds],
                )
            )
            names = {*response.objects_to_push}
            reply.push(self._client, self._node, response.session_id, names)


@contextmanager
def connect(server: str, ca: Path, key: ec.EllipticCurvePrivateKey) -> Iterator[Connection]:
    """Activate this site at the coordinator `host:port`; deactivate it on leaving.

    Raises:
        NetworkError: no route, TLS identity not accepted, or the key is not enrolled.
        ConfigurationError: the CA file is missing or is no certificate.
    """
    public = public_key_to_bytes(key.public_key())
    version = _VersionReader()
    try:
        certificates = ca.read_bytes()
        client = FleetHttpClient.from_server_address(
            server,
            insecure=False,
            root_certificates=certificates,
            interceptors=[
                RuntimeVersionHttpInterceptor(component_name="SuperNode"),
                NodeAuthHttpInterceptor(key, key.public_key()),
                _Patience(),
                version,
            ],
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=certificates.decode("ascii"))
        # Where the environment names a proxy, httpx goes through it by a transport of its own.
        client._client._transport = Transport(context)
    except (OSError, ssl.SSLError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"cannot read the coordinator's CA certificate: {error}",
            where=str(ca),
            fix="copy ca.pem from the coordinator",
        ) from None
    with client:
        with _network_errors(server):
            response = client.ActivateNode(
                ActivateNodeRequest(
                    public_key=public, heartbeat_interval=HEARTBEAT_DEFAULT_INTERVAL
                )
            )
        node = Node(node_id=response.node_id)
        heartbeat = HeartbeatSender(partial(_heartbeat, client, node))
        heartbeat.start()
        try:
            yield Connection(client, node.node_id, server, version.seen)
        finally:
            heartbeat.stop()
            # Where this does not arrive, the coordinator notices by the missing heartbeat.
            with suppress(httpx.HTTPError, RuntimeError):
                client.DeactivateNode(DeactivateNodeRequest(node_id=node.node_id))


class _Patience:
    """Asks the coordinator to hold a question for messages until there is one (RFC 7240)."""

    def intercept(self, context: ProtobufRequestContext, call_next: ProtobufCall) -> httpx.Response:
        if isinstance(context.message, PullMessagesRequest):
            context.request.headers["prefer"] = f"wait={WAIT_S}"
        return call_next(context)


class _VersionReader:
    """Notes which fedcmr the coordinator runs; it says so to enrolled sites only."""

    seen = "unknown"

    def intercept(self, context: ProtobufRequestContext, call_next: ProtobufCall) -> httpx.Response:
        response = call_next(context)
        self.seen = response.headers.get(VERSION_HEADER, self.seen)
        return response


def _heartbeat(client: FleetHttpClient, node: Node) -> bool:
    try:
        request = SendNodeHeartbeatRequest(node=node, heartbeat_interval=HEARTBEAT_DEFAULT_INTERVAL)
        return client.SendNodeHeartbeat(request).success
    except httpx.HTTPError:
        return False  # receive() reports it


@contextmanager
def _network_errors(server: str) -> Iterator[None]:
    try:
        yield
    except httpx.HTTPStatusError as error:
        raise _refusal(error.response.status_code, server) from None
    except httpx.TransportError as error:
        raise unreachable(error, server) from None
    except (ObjectPullError, ObjectPushError, ValueError) as error:
        raise NetworkError(
            f"a message could not be transferred ({type(error).__name__})",
            where=server,
            fix="it counts as not answered; this site goes on with the next",
        ) from None


def _refusal(status: int, server: str) -> NetworkError:
    if status == httpx.codes.UNAUTHORIZED:
        return NetworkError(
            "the coordinator does not accept this site's signature",
            where=server,
            fix="the coordinator has just restarted, or this clock is wrong: run the doctor",
        )
    if status == httpx.codes.FORBIDDEN:
        return NetworkError(
            "the coordinator does not know this site's key, or the run has ended",
            where=server,
            fix="send site_key.pub to the coordinator to be enrolled",
        )
    if status < httpx.codes.INTERNAL_SERVER_ERROR:
        return NetworkError(
            f"the coordinator refused a message (HTTP {status})",
            where=server,
            fix="run `fedcmr-client doctor`",
        )
    return NetworkError(f"the coordinator answered HTTP {status}", where=server, fix="try again")


def unreachable(error: Exception, server: str) -> NetworkError:
    """Name the first root cause of a failed connection to `host:port`."""
    text = str(error)
    if "Hostname mismatch" in text or "IP address mismatch" in text:
        return NetworkError(
            "the coordinator's certificate is for another host name",
            where=server,
            fix="use the name that the coordinator gave to `fedcmr-server init --host`",
        )
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return NetworkError(
            "the coordinator's certificate was not signed by this site's ca.pem",
            where=server,
            fix="copy ca.pem from the coordinator again and compare its fingerprint by phone",
        )
    if "Name or service not known" in text or "name resolution" in text:
        return NetworkError("no such host", where=server, fix="check `server` in site.yaml")
    return NetworkError(
        "the coordinator does not answer",
        where=server,
        fix="ask whether it runs, and whether the firewall lets this port out",
    )
