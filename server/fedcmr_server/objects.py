"""What is on its way to and from the sites, kept on disk: the memory of the coordinator stays flat.

Flower cuts a message into objects, named by the sha256 of their content; arrays are cut into parts
of a few MiB. Its own store holds all of them in memory. What is used of it is held by
tests/server/test_flower_contract.py.
"""

from collections.abc import Iterable
from hashlib import sha256
from io import BufferedReader
from pathlib import Path

from flwr.proto.message_pb2 import ObjectTree
from flwr.supercore.inflatable.inflatable_object import get_object_head_values_from_object_content
from flwr.supercore.inflatable.inflatable_utils import validate_object_content
from flwr.supercore.object_store import NoObjectInStoreError
from flwr.supercore.object_store.in_memory_object_store import InMemoryObjectStore

from fedcmr.errors import DataError
from fedcmr.federation.parts import part_data, part_head
from fedcmr_server.disk import new_file
from fedcmr_server.spare import SpareFiles


class DiskObjectStore(InMemoryObjectStore):
    """Flower's store in memory with every content in a file of its own."""

    def __init__(self, folder: Path) -> None:
        super().__init__(verify=False)  # `put` verifies
        self.folder = folder
        self.received = SpareFiles(folder, "received")
        """What sites had sent."""
        self._sent = SpareFiles(folder, "sent")
        self._own: set[str] = set()
        """Parts that are to be sent."""
        self._failure: OSError | None = None
        self._owner: dict[str, str] = {}
        self._room: dict[str, int] = {}
        self.largest_message = 2**26
        """Bytes that one message, with everything under it, may take."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for stale in folder.iterdir():  # of a coordinator that was killed
            stale.unlink()

    def preregister(self, run_id: int, object_tree: ObjectTree) -> list[str]:
        """Return which objects of a message are still missing; they count against its room.

        Raises:
            ValueError: a name is no sha256.
        """
        with self.lock_store:
            missing = super().preregister(run_id, object_tree)
            self._room[object_tree.object_id] = self.largest_message
            self._owner.update(dict.fromkeys(missing, object_tree.object_id))
            return missing

    def put(self, object_id: str, object_content: bytes | memoryview) -> None:
        """Keep the content of an object that was registered; a memoryview is a part of an array.

        Raises:
            ValueError: the content is not the object's, holds others than were announced under it
                (which may be another message's), or the message is too large.
            NoObjectInStoreError: there is no such object.
            OSError: the disk is full.
        """
        if sha256(object_content).hexdigest() != object_id:
            raise ValueError("the content is not that of the object")
        below: list[str] = []
        if isinstance(object_content, memoryview):
            part_data(object_content)
        else:
            validate_object_content(object_content)
            _, below, _ = get_object_head_values_from_object_content(object_content)
        with self.lock_store:
            if object_id not in self.store:
                raise NoObjectInStoreError(f"{object_id} was not announced")
            entry, path = self.store[object_id], self.folder / object_id
            if entry.is_available:
                return
            if {*below} != {*entry.child_object_ids}:
                raise ValueError("the object holds others than were announced")
            owner = self._owner[object_id]
            self._room[owner] = self._room.get(owner, 0) - len(object_content)
            if self._room[owner] < 0:
                raise ValueError("a message is larger than any of this experiment")
            aside = self.folder / "incoming"
            opened = self.received.written if isinstance(object_content, memoryview) else new_file
            try:
                with opened(aside) as file:
                    file.write(object_content)
                aside.rename(path)
            except OSError as error:
                aside.unlink(missing_ok=True)
                self._failure = error
                raise
            entry.is_available = True

    def fill(self, object_id: str, pieces: list[memoryview]) -> None:
        """Keep a part of an array of the coordinator's own, which has been named by its content.

        Raises:
            KeyError: it was not registered.
            OSError: the disk is full.
        """
        with self.lock_store:
            entry = self.store[object_id]
            with self._sent.written(self.folder / object_id) as file:
                file.writelines([part_head(sum(map(len, pieces))), *pieces])
            entry.is_available = True
            self._own.add(object_id)

    def get(self, object_id: str) -> bytes | None:
        """Return a content; b"" before it has arrived, None for an unknown object."""
        with self.lock_store:
            if object_id not in self.store:
                return None
            if not self.store[object_id].is_available:
                return b""
            return (self.folder / object_id).read_bytes()

    def is_own(self, object_id: str) -> bool:
        """Tell whether an object is a part that the coordinator sends."""
        return object_id in self._own

    def open(self, object_id: str) -> BufferedReader | None:
        """Return the file of a content; None before it has arrived."""
        with self.lock_store:
            entry = self.store.get(object_id)
            if entry is None or not entry.is_available:
                return None
            return (self.folder / object_id).open("rb")

    def open_own(self, object_id: str) -> BufferedReader | None:
        """Return the file of a part that the coordinator sends; None for any other object.

        A site may read it as slowly as it likes. What sites have sent is never read so: its file
        may be written over meanwhile with what another one sends.
        """
        with self.lock_store:
            return self.open(object_id) if self.is_own(object_id) else None

    def delete(self, object_id: str) -> None:
        """Forget an object that nothing holds, and what only it held."""
        with self.lock_store:
            # A site names what is to be deleted, and its name becomes part of a path.
            is_known = object_id in self.store
            super().delete(object_id)
            if is_known and object_id not in self.store:
                self._owner.pop(object_id, None)
                self._room.pop(object_id, None)
                if object_id in self._own:
                    self._own.remove(object_id)
                    self._sent.keep(self.folder / object_id)
                else:
                    (self.folder / object_id).unlink(missing_ok=True)

    def clear(self) -> None:
        """Forget everything."""
        with self.lock_store:
            for path in self.folder.iterdir():
                path.unlink()
            super().clear()
            for kept in (self._owner, self._room, self._own):
                kept.clear()
            for spare in (self.received, self._sent):
                spare.forget()

    def spend(self, object_id: str, above: Iterable[str]) -> None:
        """Delete the content of an object that was read, unless another message holds it too.

        Args:
            object_id: of the object.
            above: what the message holds it by.
        """
        with self.lock_store:
            entries = [self.store.get(name) for name in (object_id, *above)]
            is_shared = any(entry is None or entry.ref_count > 1 for entry in entries)
            if is_shared or self.is_own(object_id):
                return
            self.store[object_id].is_available = False
            self.received.keep(self.folder / object_id)

    def hold(self, object_id: str) -> None:
        """Keep an object although no message refers to it."""
        with self.lock_store:
            self.store[object_id].ref_count += 1

    def release(self, object_id: str) -> None:
        """Undo `hold`."""
        with self.lock_store:
            self.store[object_id].ref_count -= 1
            self.delete(object_id)

    def has_all_of(self, object_id: str) -> bool:
        """Tell whether an object and everything under it has arrived.

        Raises:
            KeyError: something under it is not registered.
        """
        with self.lock_store:
            found, todo = {object_id}, [object_id]
            while todo:
                entry = self.store[todo.pop()]
                if not entry.is_available:
                    return False
                new = set(entry.child_object_ids) - found
                found |= new
                todo += new
            return True

    def check(self) -> None:
        """Tell of a disk that could not take an upload.

        Raises:
            DataError: it was full, or failed.
        """
        if self._failure is not None:
            raise DataError(
                f"cannot write: {self._failure.strerror}",
                where=str(self.folder),
                fix="free some space and give the same command again: the run goes on",
            )
