"""What is refused before its body is read, and how bodies are read, over real connections."""

import asyncio
from collections.abc import Callable

import pytest
from conftest import Coordinator
from cryptography.hazmat.primitives.asymmetric import ec
from fedcmr_server import gate
from fedcmr_server.gate import FLEET, LARGEST_REQUEST, SMALL_REQUEST, Gate
from fleet_requests import connected, exchange, head, is_closed, signed, signed_by, status_of
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

PUSH = "/v1/fleet/push-object"

Headers = dict[str, str]


def body_of(size: int) -> Headers:
    return {"content-length": str(size)}


def changed(headers: Headers, name: str, change: Callable[[str], str]) -> Headers:
    return headers | {name: change(headers[name])}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (lambda good: body_of(10), 403),
        (lambda good: {"flwr-public-key": "no base64"} | body_of(10), 403),
        (lambda good: {"flwr-public-key": good["flwr-public-key"]} | body_of(10), 401),
        (lambda good: changed(good, "flwr-signature", lambda text: "AAAA") | body_of(10), 401),
        (lambda good: changed(good, "flwr-signature", lambda text: "ä") | body_of(10), 401),
        (lambda good: changed(good, "flwr-timestamp", lambda text: text[:-6]) | body_of(10), 401),
        (lambda good: changed(good, "flwr-timestamp", lambda text: "now") | body_of(10), 401),
        (lambda good: good | body_of(LARGEST_REQUEST + 1), 413),
        (lambda good: good | body_of(10**18), 413),
        (lambda good: good | body_of(10**30), 400),
        (lambda good: good | {"transfer-encoding": "chunked"}, 411),
        (lambda good: good | body_of(3) | {"transfer-encoding": "chunked"}, 411),
        (lambda good: good, 411),
    ],
)
def test_a_wrong_head_is_refused_before_a_byte_of_the_body(
    coordinator: Coordinator, headers: Callable[[Headers], Headers], status: int
) -> None:
    with connected(coordinator) as connection:
        connection.sendall(head(PUSH, headers(signed(coordinator))))
        assert status_of(connection) == status
        assert is_closed(connection)


def test_a_request_that_was_kept_for_later_is_refused(coordinator: Coordinator) -> None:
    assert exchange(coordinator, head(PUSH, signed(coordinator, age_s=306) | body_of(0))) == 401
    assert exchange(coordinator, head(PUSH, signed(coordinator, age_s=-6) | body_of(0))) == 401


def test_a_body_that_stalls_is_given_up(
    coordinator: Coordinator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "STALL_S", 0.2)
    with connected(coordinator) as connection:
        connection.sendall(head(PUSH, signed(coordinator) | body_of(1000)) + b"only this")
        assert status_of(connection) == 408


def test_large_bodies_of_a_site_are_read_in_turn_and_small_ones_at_once() -> None:
    async def scenario() -> None:
        reading: list[str] = []
        release = asyncio.Event()

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            assert (await receive())["body"] == scope["path"].encode()
            await Response(status_code=204)(scope, receive, send)

        gate = Gate(application, states=Everyone(), door=Anybody())

        async def request(name: str, size: int) -> None:
            async def receive() -> Message:
                reading.append(name)
                if size > SMALL_REQUEST:
                    await release.wait()
                return {"type": "http.request", "body": f"{FLEET}{name}".encode()}

            async def send(message: Message) -> None:
                answered.append(message.get("status", name))

            headers = signed_by(KEY) | body_of(size)
            raw = [(key.encode(), value.encode()) for key, value in headers.items()]
            where = {"path": FLEET + name, "client": ("10.0.0.1", 1), "headers": raw}
            await gate({"type": "http", "method": "POST", **where}, receive, send)

        answered: list[object] = []
        large = [asyncio.create_task(request(f"large-{i}", SMALL_REQUEST + 1)) for i in range(5)]
        await asyncio.sleep(0)
        await request("small", SMALL_REQUEST)
        assert reading == ["large-0", "large-1", "small"]
        assert answered == [204, "small"]
        release.set()
        await asyncio.gather(*large)
        assert reading == ["large-0", "large-1", "small", "large-2", "large-3", "large-4"]
        assert answered.count(204) == 6

    asyncio.run(scenario())


def test_a_body_holds_nothing_of_the_one_that_was_read_into_the_same_memory() -> None:
    async def scenario() -> None:
        bodies: list[bytes] = []
        rooms: set[int] = set()

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            body = (await receive())["body"]
            rooms.add(id(body.obj))
            bodies.append(bytes(body))

        gate = Gate(application, states=Everyone(), door=Anybody())

        async def ask(body: bytes) -> None:
            pieces = [body[: len(body) // 3], body[len(body) // 3 :], b""]

            async def receive() -> Message:
                piece = pieces.pop(0)
                return {"type": "http.request", "body": piece, "more_body": bool(pieces)}

            headers = signed_by(KEY) | body_of(len(body))
            raw = [(key.encode(), value.encode()) for key, value in headers.items()]
            where = {"path": FLEET, "client": ("10.0.0.1", 1), "headers": raw}
            await gate({"type": "http", "method": "POST", **where}, receive, print)

        sent = [bytes([i]) * (SMALL_REQUEST + 9 - 3 * i) for i in range(3)]
        for body in sent:
            await ask(body)
        assert bodies == sent
        assert len(rooms) == 1

    asyncio.run(scenario())


def test_a_body_that_is_longer_than_was_said_is_not_read_on() -> None:
    async def scenario() -> None:
        gate = Gate(unreachable, states=Everyone(), door=Anybody())
        pieces = [bytes(SMALL_REQUEST), bytes(2), b"more"]

        async def receive() -> Message:
            return {"type": "http.request", "body": pieces.pop(0), "more_body": True}

        headers = signed_by(KEY) | body_of(SMALL_REQUEST + 1)
        raw = [(key.encode(), value.encode()) for key, value in headers.items()]
        where = {"path": FLEET, "client": ("10.0.0.1", 1), "headers": raw}
        await gate({"type": "http", "method": "POST", **where}, receive, print)
        assert pieces == [b"more"]

    async def unreachable(scope: Scope, receive: Receive, send: Send) -> None:
        pytest.fail("the body was passed on")

    asyncio.run(scenario())


KEY = ec.generate_private_key(ec.SECP384R1())


class Everyone:
    """A state in which every key is of site 7."""

    def state(self) -> "Everyone":
        return self

    def get_node_id_by_public_key(self, key: bytes) -> int:
        return 7


class Anybody:
    """A door that looks at nobody."""

    def proven(self, address: tuple[str, int], node: int) -> None:
        assert (address, node) == (("10.0.0.1", 1), 7)
