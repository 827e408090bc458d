import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from conftest import Coordinator
from fedcmr_client.keys import load_site_key, make_site_key
from fedcmr_client.link import Connection, connect
from flwr.app import Array, ArrayRecord, Message, RecordDict

from fedcmr.errors import NetworkError


def test_admitting_a_site_twice_changes_nothing(coordinator: Coordinator) -> None:
    coordinator.link.admit("one", coordinator.key.with_suffix(".pub").read_bytes())


def test_a_site_enrolled_with_another_key_has_another_connection(
    coordinator: Coordinator, tmp_path: Path
) -> None:
    link = coordinator.link
    link.connected(link._nodes["one"])
    before = link.connection("one")
    link.admit("one", make_site_key(tmp_path / "new_key").read_bytes())
    link.connected(link._nodes["one"])
    assert link.connection("one") != before


@pytest.fixture
def join(
    coordinator: Coordinator, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[], Connection]]:
    """Connects the enrolled site, again and again as after a kill: no heartbeat comes any more."""
    monkeypatch.setattr("fedcmr_client.link._heartbeat", lambda client, node: True)
    key = load_site_key(coordinator.key)
    with coordinator.link.run(), ExitStack() as stack:
        yield lambda: stack.enter_context(connect(coordinator.address, coordinator.ca, key))


def held(
    coordinator: Coordinator, connection: Connection, pool: ThreadPoolExecutor
) -> "Future[Message | None]":
    """Ask for a message, and return once the coordinator holds the question."""
    is_held = threading.Event()
    waiting = coordinator.link._waiting
    until = waiting.until

    async def told(*words: object) -> None:
        is_held.set()
        await until(*words)

    waiting.until = told
    asked = pool.submit(connection.receive)
    assert is_held.wait(20)
    waiting.until = until
    return asked


def test_a_question_of_a_former_connection_takes_no_message(
    coordinator: Coordinator, join: Callable[[], Connection]
) -> None:
    with ThreadPoolExecutor() as pool:
        former = held(coordinator, join(), pool)
        connection = join()
        content = RecordDict({"arrays": ArrayRecord({"weights": Array(np.ones(3, np.float32))})})
        coordinator.link.send("one", coordinator.link.keep(content), "train", ttl_s=60)
        assert connection.receive() is not None
        with pytest.raises(NetworkError, match="HTTP 409"):
            former.result()


def test_a_question_ends_when_its_site_is_withdrawn(
    coordinator: Coordinator, join: Callable[[], Connection]
) -> None:
    with ThreadPoolExecutor() as pool:
        asked = held(coordinator, join(), pool)
        coordinator.link.withdraw("one", "revoked")
        with pytest.raises(NetworkError, match="HTTP 409"):
            asked.result()
