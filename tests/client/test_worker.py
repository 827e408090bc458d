"""The worker's decisions, against a real coordinator on loopback."""

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from conftest import Coordinator
from fedcmr_client.settings import SiteFolder, SiteSettings
from fedcmr_client.worker import Worker
from fedcmr_server.reply import Reply
from flwr.app import Array, ArrayRecord, ConfigRecord, Context, Message, RecordDict
from flwr.clientapp import ClientApp
from site_files import exchange, opened, received

from fedcmr.errors import DataError


def ask(
    coordinator: Coordinator,
    answer: Callable[[Message, Context], Message],
    times: int = 1,
    read: Callable[[Reply], Any] = lambda reply: reply,
) -> list[Any]:
    """Send messages to a worker whose app trains with `answer`; return what `read` made of each.

    What has arrived is gone when the run ends.
    """
    app = ClientApp()
    app.train()(answer)
    site = opened(SiteFolder(coordinator.key.parent, SiteSettings(name="one", server="a:1")))
    worker = Worker(coordinator.address, coordinator.ca, coordinator.key, app, site)
    thread = threading.Thread(target=worker.work, kwargs={"wait": False})
    replies = []
    with coordinator.link.run():
        thread.start()
        while coordinator.link.online() != ["one"]:
            assert thread.is_alive()
        for _ in range(times):
            content = RecordDict({"config": ConfigRecord({"round": 1})})
            replies.append(read(exchange(coordinator.link, content)))
        worker.stop.set()
        thread.join()
    return replies


def echo(message: Message, context: Context) -> Message:
    return Message(message.content, reply_to=message)


def test_an_answer_goes_back(coordinator: Coordinator) -> None:
    [reply] = ask(coordinator, echo)
    assert reply.content().config_records["config"]["round"] == 1


def test_memory_is_given_back_once_when_no_message_comes(
    coordinator: Coordinator, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = threading.Semaphore(0)
    monkeypatch.setattr("fedcmr_client.worker.QUIET_S", 0.0)
    monkeypatch.setattr("fedcmr_client.link.WAIT_S", 0)
    monkeypatch.setattr("fedcmr_client.worker.give_back", given.release)

    def wait(reply: Reply) -> None:
        assert given.acquire(timeout=30)

    ask(coordinator, echo, times=2, read=wait)
    assert not given.acquire(blocking=False)


def test_a_refusal_leaves_without_path_or_remedy(coordinator: Coordinator) -> None:
    def refuse(message: Message, context: Context) -> Message:
        raise DataError("no study", where="/data/of/a/patient", fix="look into /data")

    [reply] = ask(coordinator, refuse)
    assert reply.refusal == "no study"


def test_an_unforeseen_error_keeps_its_text_at_the_site_and_the_worker_alive(
    coordinator: Coordinator, caplog: pytest.LogCaptureFixture
) -> None:
    def crash(message: Message, context: Context) -> Message:
        raise RuntimeError("DOE^JANE in /data/19700101")

    replies = ask(coordinator, crash, times=2)
    assert {reply.refusal for reply in replies} == {
        "internal error; its text stays in the site's log"
    }


def test_a_run_that_brings_code_is_refused_before_the_app_is_called(
    coordinator: Coordinator, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = coordinator.link.states.state()
    create = state.create_run

    def with_bundle(*arguments: object) -> int:
        name, number, _, *rest = arguments
        return create(name, number, "ab" * 32, *rest)

    monkeypatch.setattr(state, "create_run", with_bundle)
    called = []

    def note(message: Message, context: Context) -> Message:
        called.append(message)
        return echo(message, context)

    replies = ask(coordinator, note, times=2)
    assert called == []
    for reply in replies:
        assert reply.refusal == (
            "the run brings a code bundle (abababababab); this site runs installed code only"
        )


def test_a_large_answer_arrives_whole(coordinator: Coordinator) -> None:
    values = np.random.default_rng(0).random(3_000_000, dtype=np.float32)

    def answer(message: Message, context: Context) -> Message:
        content = RecordDict({"arrays": ArrayRecord({"weights": Array(values)})})
        return Message(content, reply_to=message)

    [back] = ask(coordinator, answer, read=received)
    assert np.array_equal(back, values)
