import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from conftest import Coordinator, free_port
from fedcmr_client.keys import load_site_key, make_site_key
from fedcmr_client.link import Connection, connect
from fedcmr_server.listener import serve
from fedcmr_server.pki import issue_server_certificate, make_authority
from flwr.app import Array, ArrayRecord, Error, Message, RecordDict

from fedcmr.errors import ConfigurationError, NetworkError


def join(coordinator: Coordinator, key: Path | None = None):
    return connect(coordinator.address, coordinator.ca, load_site_key(key or coordinator.key))


def answer_one(connection: Connection, answered: list[int], *, error: bool = False) -> None:
    while (message := connection.receive()) is None:
        pass
    if error:
        reply = Message(Error(6, "no"), reply_to=message)
    else:
        doubled = 2 * message.content["arrays"]["weights"].numpy()
        content = RecordDict({"arrays": ArrayRecord({"weights": Array(doubled)})})
        reply = Message(content, reply_to=message)
    answered.append(connection.send(reply, 0.1))


def weights(values: np.ndarray) -> RecordDict:
    return RecordDict({"arrays": ArrayRecord({"weights": Array(values)})})


def test_a_message_and_its_answer_make_the_round_trip(coordinator: Coordinator) -> None:
    values, sent = np.arange(300_000, dtype=np.float32), []
    with join(coordinator) as connection, coordinator.link.run() as run_id:
        thread = threading.Thread(target=answer_one, args=(connection, sent))
        thread.start()
        replies = coordinator.link.exchange({"one": weights(values)}, "train", timeout_s=30)
        thread.join()
        assert connection.bundle_hash(run_id) == ""
    back = replies["one"].content["arrays"]["weights"].numpy()
    assert np.array_equal(back, 2 * values)
    assert values.nbytes <= sent[0] < values.nbytes + 2000


def test_a_refusal_comes_back_with_its_reason(coordinator: Coordinator) -> None:
    with join(coordinator) as connection, coordinator.link.run():
        thread = threading.Thread(target=answer_one, args=(connection, []), kwargs={"error": True})
        thread.start()
        content = {"one": weights(np.zeros(3, np.float32))}
        replies = coordinator.link.exchange(content, "train", timeout_s=30)
        thread.join()
    assert replies["one"].error.reason == "no"


def test_a_silent_site_has_an_error_after_the_timeout(coordinator: Coordinator) -> None:
    with join(coordinator), coordinator.link.run():
        content = {"one": weights(np.zeros(3, np.float32))}
        replies = coordinator.link.exchange(content, "train", timeout_s=0.3)
    assert replies["one"].has_error()


def test_online_follows_the_connection(coordinator: Coordinator) -> None:
    assert coordinator.link.online() == []
    with join(coordinator):
        assert coordinator.link.online() == ["one"]
    assert coordinator.link.online() == []


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


def test_a_site_that_dies_in_mid_round_is_sent_its_message_again(coordinator: Coordinator) -> None:
    lines = f"""
import os
from pathlib import Path
from fedcmr_client.keys import load_site_key
from fedcmr_client.link import connect
with connect("{coordinator.address}", Path("{coordinator.ca}"),
             load_site_key(Path("{coordinator.key}"))) as connection:
    print("joined", flush=True)
    while connection.receive() is None:
        pass
    os.kill(os.getpid(), 9)
"""
    first = subprocess.Popen([sys.executable, "-c", lines], stdout=subprocess.PIPE, text=True)
    assert first.stdout is not None
    assert first.stdout.readline() == "joined\n"

    def come_back() -> None:
        assert first.wait(timeout=30) == -9
        with join(coordinator) as connection:
            answer_one(connection, [])

    thread = threading.Thread(target=come_back)
    values = np.arange(10, dtype=np.float32)
    with coordinator.link.run():
        thread.start()
        replies = coordinator.link.exchange({"one": weights(values)}, "train", timeout_s=60)
        thread.join()
    back = replies["one"].content.array_records["arrays"]["weights"].numpy()
    assert np.array_equal(back, 2 * values)


def test_nothing_stays_in_memory_after_an_exchange(coordinator: Coordinator) -> None:
    store = coordinator.link.states.state().object_store
    with join(coordinator) as connection, coordinator.link.run():
        coordinator.link.exchange({"one": weights(np.ones(3, np.float32))}, "train", timeout_s=0.2)
        thread = threading.Thread(target=answer_one, args=(connection, []))
        thread.start()
        coordinator.link.exchange({"one": weights(np.ones(4, np.float32))}, "train", timeout_s=30)
        thread.join()
        assert len(store) == 0


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
