"""What the outbound ledger says has left against what a proxy on the wire has counted."""

import json
import threading

import httpx
import numpy as np
import pytest
from conftest import Coordinator
from fedcmr_client.settings import SiteFolder, SiteSettings
from fedcmr_client.worker import Worker
from flwr.app import Array, ArrayRecord, ConfigRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from site_files import exchange, opened

from fedcmr.drill.proxy import Proxy
from fedcmr.errors import DataError
from fedcmr.privacy.chain import walk

PARAMETERS = 2_000_000
REQUEST = 1600
"""Bytes of a request besides its content, at most: HTTP headers, signature, TLS record."""


def site_application() -> ClientApp:
    app = ClientApp()

    @app.train()
    def train(message: Message, context: Context) -> Message:
        values = np.random.default_rng(0).standard_normal(PARAMETERS, dtype=np.float32)
        arrays = ArrayRecord({"weights": Array(values)})
        content = RecordDict({"arrays": arrays, "metrics": MetricRecord({"loss": 0.25})})
        return Message(content, reply_to=message)

    @app.evaluate()
    def evaluate(message: Message, context: Context) -> Message:
        content = RecordDict({"answer": ConfigRecord({"sums": "1" * 50_000})})
        return Message(content, reply_to=message)

    @app.query("handshake")
    def refuse(message: Message, context: Context) -> Message:
        raise DataError("no such study", where="/data/DOE^JANE")

    return app


def count_requests(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    requests, real = [], httpx.Client.send

    def send(*args: object, **kwargs: object) -> httpx.Response:
        requests.append(1)
        return real(*args, **kwargs)

    monkeypatch.setattr(httpx.Client, "send", send)
    return requests


def test_the_ledger_counts_what_a_proxy_on_the_wire_counts(
    coordinator: Coordinator, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = SiteFolder(coordinator.key.parent, SiteSettings(name="one", server="a:1"))
    app, site, requests = site_application(), opened(folder), count_requests(monkeypatch)
    with Proxy("127.0.0.1", coordinator.port) as proxy, coordinator.link.run():
        worker = Worker(proxy.address, coordinator.ca, coordinator.key, app, site)
        thread = threading.Thread(target=worker.work, kwargs={"wait": False})
        thread.start()
        while coordinator.link.online() != ["one"]:
            assert thread.is_alive()
        config = RecordDict({"config": ConfigRecord({"round": 1, "split": "test"})})
        for kind in ("query.handshake", "train", "evaluate"):
            exchange(coordinator.link, config, kind)
        worker.stop.set()
        thread.join()
        counted = proxy.sent
    entries: list[dict] = []
    walk(folder.outbound, entries.append)
    assert [entry["kind"] for entry in entries] == ["refusal", "train", "evaluate"]
    assert [entry["split"] for entry in entries] == ["test"] * 3
    assert entries[0]["texts"] == {"reason": "no such study"}
    assert [tensor["bytes"] for tensor in entries[1]["tensors"]] == [4 * PARAMETERS]
    assert entries[1]["metrics"] == {"loss": 0.25}
    told = sum(entry["bytes"] for entry in entries)
    assert told > 4 * PARAMETERS + 50_000
    assert told < counted < told + REQUEST * len(requests)
    assert "DOE" not in json.dumps(entries)
