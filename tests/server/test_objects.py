"""Messages on disk: what comes in is checked and bounded, what is over leaves nothing behind."""

import errno
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
from fedcmr_server.objects import DiskObjectStore
from fedcmr_server.reply import open_reply
from fedcmr_server.shelf import Shelf
from flwr.app import Array, ArrayRecord, Message, RecordDict
from flwr.proto.message_pb2 import ObjectTree
from flwr.supercore.inflatable.inflatable_object import get_all_nested_objects, get_object_tree
from flwr.supercore.task_identity import TaskIdentity

from fedcmr.errors import DataError
from fedcmr.federation.messages import PART
from fedcmr.federation.parts import part_head

VALUES = np.arange(3_000_000, dtype=np.float32)


@pytest.fixture
def message() -> Message:
    TaskIdentity.run_id, TaskIdentity.node_id, TaskIdentity.task_id = 1, 1, 1
    arrays = ArrayRecord({"weights": Array(VALUES), "again": Array(VALUES)})
    made = Message(RecordDict({"arrays": arrays}), 5, "train", ttl=60)
    made.metadata.__dict__["_message_id"] = made.object_id
    return made


def upload(store: DiskObjectStore, message: Message) -> None:
    store.preregister(1, get_object_tree(message))
    for object_id, item in get_all_nested_objects(message).items():
        store.put(object_id, item.deflate())


def named(store: DiskObjectStore) -> set[str]:
    """The files of the store that are not spare."""
    names = {path.name for path in store.folder.iterdir()}
    return {name for name in names if not name.startswith("spare-")}


def test_a_reply_is_read_part_by_part_from_disk(tmp_path: Path, message: Message) -> None:
    store = DiskObjectStore(tmp_path)
    store.preregister(1, get_object_tree(message))
    assert not store.has_all_of(message.object_id)
    upload(store, message)
    assert store.has_all_of(message.object_id)
    assert not any(entry.content for entry in store.store.values()), "nothing is in memory"
    reply = open_reply(message, store)
    again = reply.content().array_records["arrays"]["again"]
    names = again.data.decode().split(",")
    parts = [bytes(part.data) for part in reply.data(again)]  # a part holds until the next
    assert len(parts) > 1
    assert b"".join(parts).endswith(VALUES.tobytes())
    assert named(store) == set(store.store) - set(names), "spent"
    store.delete(message.object_id)
    assert named(store) == set()
    store.clear()
    assert [*tmp_path.iterdir()] == []


def test_a_part_that_two_messages_hold_is_read_twice(tmp_path: Path, message: Message) -> None:
    store = DiskObjectStore(tmp_path)
    upload(store, message)
    other = Message(message.content, 6, "train", ttl=60)
    other.metadata.__dict__["_message_id"] = other.object_id
    upload(store, other)
    for asked in (message, other):
        reply = open_reply(asked, store)
        array = reply.content().array_records["arrays"]["again"]
        assert b"".join(bytes(part.data) for part in reply.data(array)).endswith(VALUES.tobytes())
        store.delete(asked.object_id)
    assert named(store) == set()


def test_what_a_killed_coordinator_left_is_removed(tmp_path: Path, message: Message) -> None:
    upload(DiskObjectStore(tmp_path), message)
    assert [*tmp_path.iterdir()]
    DiskObjectStore(tmp_path)
    assert [*tmp_path.iterdir()] == []


def test_an_object_holds_only_what_was_announced_under_it(tmp_path: Path, message: Message) -> None:
    store = DiskObjectStore(tmp_path)
    upload(store, message)
    before = {path.name for path in tmp_path.iterdir()}
    whole = message.content.array_records["arrays"]["weights"]
    forged = Array(whole.dtype, (1, *whole.shape), whole.stype, whole.data)
    store.preregister(1, ObjectTree(object_id=forged.object_id))
    with pytest.raises(ValueError, match="others than were announced"):
        store.put(forged.object_id, forged.deflate())  # its parts are the other message's
    assert not store.has_all_of(forged.object_id)
    assert {path.name for path in tmp_path.iterdir()} == before


def test_a_message_that_is_too_large_is_refused(tmp_path: Path, message: Message) -> None:
    store = DiskObjectStore(tmp_path)
    store.largest_message = VALUES.nbytes // 2
    with pytest.raises(ValueError, match="larger than any"):
        upload(store, message)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= store.largest_message
    store.check()  # a site's fault, not the disk's


def test_a_disk_that_fills_in_the_middle_of_a_part_leaves_nothing_of_it(tmp_path: Path) -> None:
    class Full(io.BytesIO):
        def write(self, data: bytes) -> int:
            super().write(data[:3])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    @contextmanager
    def full(path: Path) -> Iterator[io.BytesIO]:
        path.write_bytes(b"of the file before")
        yield Full()

    store, part = DiskObjectStore(tmp_path), part_head(4) + b"data"
    name = sha256(part).hexdigest()
    store.preregister(1, ObjectTree(object_id=name))
    store.received.written = full  # type: ignore[method-assign]  # its disk is full
    with pytest.raises(OSError, match="No space"):
        store.put(name, memoryview(part))
    assert [*tmp_path.iterdir()] == []
    assert store.get(name) == b""


def test_a_full_disk_is_told_to_the_run_in_one_line(
    tmp_path: Path, message: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path) -> NoReturn:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    store = DiskObjectStore(tmp_path)
    monkeypatch.setattr("fedcmr_server.objects.new_file", full)
    with pytest.raises(OSError, match="No space"):
        upload(store, message)
    assert not store.has_all_of(message.object_id)
    with pytest.raises(DataError, match=r"No space left on device .*the run goes on"):
        store.check()


def test_a_site_reads_no_file_that_another_may_write_over(
    tmp_path: Path, message: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fedcmr_server.spare.SMALLEST", 0)
    store = DiskObjectStore(tmp_path)
    shelf = Shelf(store)
    own = [name for name, _ in shelf.arrays({"w": VALUES})["w"].__dict__["_chunks"]]
    upload(store, message)
    received = {*store.store} - {*own}
    assert not any(store.open_own(name) for name in received)
    slow = store.open_own(own[0])
    assert slow is not None
    with slow:
        shelf.arrays({"w": VALUES + 1})
        for name in {*store.store} & received:
            store.received.keep(tmp_path / name)
        secret = part_head(9) + b"of others"
        name = sha256(secret).hexdigest()
        store.preregister(1, ObjectTree(object_id=name))
        store.put(name, memoryview(secret))
        assert b"of others" not in slow.read()


def test_the_coordinators_own_part_in_a_reply_is_no_file_of_the_site(
    tmp_path: Path, message: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flwr.app.message.array.FLWR_PRIVATE_MAX_ARRAY_CHUNK_SIZE", PART)
    store = DiskObjectStore(tmp_path)
    own = Shelf(store).arrays({"w": VALUES})
    sent = [name for name, _ in own["w"].__dict__["_chunks"]]
    arrays = ArrayRecord({"back": Array(VALUES)})
    made = Message(RecordDict({"arrays": arrays}), 5, "train", ttl=60)
    made.metadata.__dict__["_message_id"] = made.object_id
    upload(store, made)
    reply = open_reply(made, store)
    array = reply.content().array_records["arrays"]["back"]
    names = array.data.decode().split(",")
    paths = {name: part.path for name, part in zip(names, reply.data(array), strict=True)}
    assert {*names} == {*sent}
    assert not any(paths.values())
    assert all(store.open_own(name) for name in sent), "not spent"
