"""Who is let in and shut out while a run is going, from the folder of enrolled keys."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import httpx
import numpy as np
import pytest
from conftest import Coordinator
from fedcmr_client.keys import load_site_key, make_site_key
from fedcmr_client.link import Connection, connect
from fedcmr_client.packed import Packed
from fedcmr_server import admission
from fedcmr_server.admission import Admission
from fedcmr_server.enrolment import enrol, revoke, today
from fedcmr_server.link import FleetLink
from fedcmr_server.parcel import Sent
from fleet_requests import connected, head, signed, status_of
from flwr.app import Array, ArrayRecord, Message, RecordDict
from flwr.proto.message_pb2 import PushObjectRequest

from fedcmr.errors import NetworkError

YEAR_S = 365 * 86_400.0


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "LOOK_S", 0.0)


@pytest.fixture
def sites(tmp_path: Path) -> Path:
    """The folder of enrolled keys, with that of the coordinator's site `one`."""
    folder = tmp_path / "sites"
    folder.mkdir()
    return folder


@pytest.fixture
def running(coordinator: Coordinator, sites: Path) -> Callable[[], None]:
    """Look at the folder as a run does all the time; site `one` is enrolled."""
    enrol(sites, "one", coordinator.key.with_suffix(".pub"))
    watch = Admission(sites)
    return lambda: watch(coordinator.link)


def join(coordinator: Coordinator, key: Path | None = None):
    return connect(coordinator.address, coordinator.ca, load_site_key(key or coordinator.key))


def ask(link: FleetLink) -> Sent:
    parcel = link.keep(RecordDict({"arrays": ArrayRecord({"w": Array(np.zeros(9))})}))
    return link.send("one", parcel, "train", ttl_s=YEAR_S)


def next_message(connection: Connection) -> Message:
    while (message := connection.receive()) is None:
        pass
    return message


def test_the_folder_is_followed(sites: Path, tmp_path: Path) -> None:
    link, watch = FleetLink(tmp_path / "objects"), Admission(sites)
    keys = {name: make_site_key(tmp_path / name) for name in ("a", "b", "c")}
    enrol(sites, "a", keys["a"])
    enrol(sites, "b", keys["b"], expires=today())
    watch(link)
    assert link.enrolled() == ["a", "b"]
    revoke(sites, "a")
    watch(link)
    assert (link.enrolled(), link.withdrawn) == (["b"], {"a": "revoked"})
    enrol(sites, "a", keys["c"], again=True)
    watch(link)
    assert (link.enrolled(), link.withdrawn) == (["a", "b"], {})
    revoke(sites, "a")
    enrol(sites, "a", keys["a"], again=True)  # between two looks
    watch(link)
    assert (link.enrolled(), link.withdrawn) == (["a", "b"], {})


def test_a_key_is_refused_when_its_last_day_is_over(
    sites: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link, watch = FleetLink(tmp_path / "objects"), Admission(sites)
    enrol(sites, "a", make_site_key(tmp_path / "a"), expires=today())
    watch(link)
    assert link.enrolled() == ["a"]
    monkeypatch.setattr(admission, "today", lambda: today() + dt.timedelta(days=1))
    watch(link)
    assert link.enrolled() == []
    assert link.withdrawn == {"a": f"its key expired on {today()}"}


def test_what_cannot_be_read_changes_nothing(
    sites: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    link, watch = FleetLink(tmp_path / "objects"), Admission(sites)
    path = enrol(sites, "a", make_site_key(tmp_path / "a"))
    watch(link)
    (sites / "Not A Name.pub").write_bytes(path.read_bytes())
    path.write_bytes(b"damaged")
    for _ in range(3):
        watch(link)
    assert link.enrolled() == ["a"]
    assert sum("fedcmr-server enrol" in record.message for record in caplog.records) == 2


def test_a_revoked_site_cannot_connect(
    coordinator: Coordinator, sites: Path, running: Callable[[], None]
) -> None:
    running()
    with join(coordinator):
        assert coordinator.link.online() == ["one"]
    revoke(sites, "one")
    running()
    with pytest.raises(NetworkError, match="does not know this site's key"), join(coordinator):
        pass


def test_a_revoked_site_cannot_finish_its_round(
    coordinator: Coordinator, sites: Path, running: Callable[[], None]
) -> None:
    running()
    link = coordinator.link
    with link.run(), join(coordinator) as connection:
        sent = ask(link)
        message = next_message(connection)
        revoke(sites, "one")
        running()
        assert link.online() == []
        reply = Message(message.content, reply_to=message)
        with pytest.raises(NetworkError, match="does not know this site's key"):
            connection.send(Packed(reply), 0.1)
        with pytest.raises(NetworkError):
            connection.receive()
        assert link.answer(sent) is None


def test_an_upload_in_flight_is_refused_when_its_site_is_revoked(
    coordinator: Coordinator, sites: Path, running: Callable[[], None]
) -> None:
    running()
    with coordinator.link.run() as run, join(coordinator) as connection:
        push = PushObjectRequest(run_id=run, object_id="0" * 64, object_content=b"x" * 900)
        push.node.node_id = connection.node_id
        body = push.SerializeToString()
        headers = signed(coordinator) | {"content-length": str(len(body))}
        request = head("/v1/fleet/push-object", headers)
        with connected(coordinator) as upload:
            upload.sendall(request + body)
            assert status_of(upload) == 200  # is read, though nobody has announced it
        with connected(coordinator) as upload:
            upload.sendall(request + body[:500])
            revoke(sites, "one")
            running()
            upload.sendall(body[500:])
            assert status_of(upload) in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN)


def test_a_site_that_was_enrolled_anew_takes_part_again(
    coordinator: Coordinator, sites: Path, running: Callable[[], None], tmp_path: Path
) -> None:
    running()
    revoke(sites, "one")
    running()
    other = make_site_key(tmp_path / "new_key")
    enrol(sites, "one", other, again=True)
    running()
    with join(coordinator, tmp_path / "new_key"):
        assert coordinator.link.online() == ["one"]
    with pytest.raises(NetworkError, match="does not know this site's key"), join(coordinator):
        pass
