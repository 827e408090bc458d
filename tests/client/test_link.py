import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from conftest import Coordinator, free_port
from fedcmr_client.keys import load_site_key, make_site_key
from fedcmr_client.link import Connection, connect
from fedcmr_client.packed import Packed
from fedcmr_server.listener import serve
from fedcmr_server.pki import issue_server_certificate, make_authority
from flwr.app import Array, ArrayRecord, Error, Message, RecordDict
from site_files import exchange, question, received

from fedcmr.errors import ConfigurationError, NetworkError
from fedcmr.federation.parts import KIND


def join(coordinator: Coordinator, key: Path | None = None):
    return connect(coordinator.address, coordinator.ca, load_site_key(key or coordinator.key))


def answer_one(connection: Connection, *, error: bool = False) -> None:
    while (message := connection.receive()) is None:
        pass
    if error:
        reply = Message(Error(6, "no"), reply_to=message)
    else:
        doubled = 2 * message.content["arrays"]["weights"].numpy()
        content = RecordDict({"arrays": ArrayRecord({"weights": Array(doubled)})})
        reply = Message(content, reply_to=message)
    connection.send(Packed(reply), 0.1)


def weights(values: np.ndarray) -> RecordDict:
    return RecordDict({"arrays": ArrayRecord({"weights": Array(values)})})


def test_a_message_and_its_answer_make_the_round_trip(coordinator: Coordinator) -> None:
    values = np.arange(300_000, dtype=np.float32)
    with join(coordinator) as connection, coordinator.link.run() as run_id:
        thread = threading.Thread(target=answer_one, args=(connection,))
        thread.start()
        reply = exchange(coordinator.link, weights(values))
        thread.join()
        assert np.array_equal(received(reply), 2 * values)
        assert connection.bundle_hash(run_id) == ""


def test_what_was_damaged_at_the_coordinator_is_not_trained_from(
    coordinator: Coordinator,
) -> None:
    link = coordinator.link
    with join(coordinator) as connection, link.run():
        parcel = link.keep(weights(np.arange(300, dtype=np.float32)))
        files = link.objects.folder.iterdir()
        [part] = [path for path in files if path.read_bytes().startswith(KIND)]
        part.write_bytes(part.read_bytes()[:-1] + b"!")
        link.send("one", parcel, "train", ttl_s=60)
        with pytest.raises(NetworkError, match="could not be transferred"):
            connection.receive()  # the question is there already


def test_a_refusal_comes_back_with_its_reason(coordinator: Coordinator) -> None:
    with join(coordinator) as connection, coordinator.link.run():
        thread = threading.Thread(target=answer_one, args=(connection,), kwargs={"error": True})
        thread.start()
        reply = exchange(coordinator.link, weights(np.zeros(3, np.float32)))
        thread.join()
    assert reply.refusal == "no"


def test_the_size_of_a_reply_is_that_of_its_objects_and_its_envelope() -> None:
    asked = question("train")
    values = np.zeros(3_000_000, np.float32)
    reply = Message(weights(values), reply_to=asked)
    assert values.nbytes < Packed(reply).size < values.nbytes + 3000
    assert 0 < Packed(Message(Error(6, "no" * 100), reply_to=asked)).size - 200 < 1000


def test_online_follows_the_connection(coordinator: Coordinator) -> None:
    assert coordinator.link.online() == []
    with join(coordinator):
        assert coordinator.link.online() == ["one"]
    assert coordinator.link.online() == []


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The site asks without waiting."""
    monkeypatch.setattr("fedcmr_client.link.WAIT_S", 0)


@pytest.mark.usefixtures("impatient")
def test_a_killed_site_may_come_back_at_once(coordinator: Coordinator) -> None:
    lines = f"""
import os
from pathlib import Path
from fedcmr_client.keys import load_site_key
from fedcmr_client.link import connect
with connect("{coordinator.address}", Path("{coordinator.ca}"),
             load_site_key(Path("{coordinator.key}"))):
    os.kill(os.getpid(), 9)
"""
    assert subprocess.run([sys.executable, "-c", lines], check=False).returncode == -9
    assert coordinator.link.online() == ["one"]
    with join(coordinator) as connection:
        assert connection.receive() is None


def test_version_is_told_to_enrolled_sites(coordinator: Coordinator) -> None:
    import fedcmr

    with join(coordinator) as connection:
        assert connection.server_version == fedcmr.__version__


def test_an_unenrolled_key_is_refused(coordinator: Coordinator, tmp_path: Path) -> None:
    make_site_key(tmp_path / "other")
    with (
        pytest.raises(NetworkError, match=r"does not know this site's key.*to be enrolled"),
        join(coordinator, tmp_path / "other"),
    ):
        pass


def test_another_authority_is_refused(coordinator: Coordinator, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    make_authority(tmp_path / "other")
    coordinator.ca = tmp_path / "other" / "ca.pem"
    with pytest.raises(NetworkError, match=r"not signed by this site's ca\.pem"):
        join(coordinator).__enter__()


def test_another_host_name_is_refused(coordinator: Coordinator, tmp_path: Path) -> None:
    key = load_site_key(coordinator.key)
    with pytest.raises(NetworkError, match="certificate is for another host name"):
        connect(f"localhost:{coordinator.port}", coordinator.ca, key).__enter__()


@pytest.mark.parametrize(
    ("address", "line"),
    [
        ("127.0.0.1:{port}", "does not answer .*ask whether it runs"),
        ("no-such-host.invalid:{port}", "no such host"),
    ],
)
def test_a_stopped_or_unknown_server_is_one_line(
    coordinator: Coordinator, address: str, line: str
) -> None:
    server = address.format(port=free_port())
    with pytest.raises(NetworkError, match=line) as caught:
        connect(server, coordinator.ca, load_site_key(coordinator.key)).__enter__()
    assert "\n" not in str(caught.value)


def test_a_missing_or_broken_ca_file_is_named(coordinator: Coordinator, tmp_path: Path) -> None:
    key = load_site_key(coordinator.key)
    (tmp_path / "broken.pem").write_text("not a certificate")
    for name in ("nothing.pem", "broken.pem"):
        with pytest.raises(ConfigurationError, match=rf"{name}.*copy ca\.pem"):
            connect(coordinator.address, tmp_path / name, key).__enter__()


@pytest.mark.usefixtures("impatient")
def test_a_server_certificate_that_was_renewed_is_accepted(
    coordinator: Coordinator, tmp_path: Path
) -> None:
    issue_server_certificate(tmp_path, ["127.0.0.1"])
    port = free_port()
    with serve(
        coordinator.link,
        "127.0.0.1",
        port,
        tmp_path / "server.pem",
        tmp_path / "server.key",
    ):
        coordinator.port = port
        with join(coordinator) as connection:
            assert connection.receive() is None
