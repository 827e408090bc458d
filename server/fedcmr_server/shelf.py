"""Weights that lie in the store, in parts, ready for any number of messages.

The merged weights of a round are judged by the sites and trained from afterwards: they are named
and written once. What is used of Flower beyond its public names is held by
tests/server/test_flower_contract.py.
"""

import weakref
from collections.abc import Mapping

from flwr.app import Array, ArrayRecord
from flwr.app.message.arraychunk import ArrayChunk
from flwr.common.constant import SType
from flwr.supercore.inflatable.inflatable_object import get_object_tree
from flwr.supercore.task_identity import TaskIdentity

from fedcmr.federation.parts import part_name, sliced
from fedcmr.federation.payload import npy_pieces
from fedcmr.types import FloatArray
from fedcmr_server.disk import writing
from fedcmr_server.objects import DiskObjectStore


class _StoredPart(ArrayChunk):
    """Stands for a part that lies in the store."""

    def __init__(self, name: str) -> None:
        super().__init__(memoryview(b""))
        self.__dict__["_name"] = name

    @property
    def object_id(self) -> str:
        """The name of the part in the store."""
        return str(self.__dict__["_name"])


class Shelf:
    """The weight vectors of the last message that had any; they must not change."""

    def __init__(self, store: DiskObjectStore) -> None:
        self._store = store
        self._kept: list[tuple[weakref.ref[FloatArray], Array]] = []

    def arrays(self, vectors: Mapping[str, FloatArray]) -> ArrayRecord:
        """Return arrays by name that stand for weight vectors (P,), without the data.

        They stay in the store until other vectors are asked for.

        Raises:
            DataError: the disk is full.
        """
        before, self._kept = self._kept, []
        for vector, array in before:
            if any(vector() is values for values in vectors.values()):
                self._kept.append((vector, array))
            else:
                self._store.release(array.object_id)
        record = ArrayRecord({})  # which would copy arrays that it is made of
        for name, values in vectors.items():
            known = [array for vector, array in self._kept if vector() is values]
            record[name] = known[0] if known else self._put(values)
        return record

    def _put(self, values: FloatArray) -> Array:
        array = Array(str(values.dtype), values.shape, SType.NUMPY, b"")
        parts = [_StoredPart(part_name(pieces)) for pieces in sliced(*npy_pieces(values))]
        array.__dict__["_chunks"] = [(part.object_id, part) for part in parts]
        with writing(self._store.folder):
            missing = {*self._store.preregister(TaskIdentity.run_id, get_object_tree(array))}
            self._store.hold(array.object_id)
            for part, pieces in zip(parts, sliced(*npy_pieces(values)), strict=True):
                if part.object_id in missing:
                    missing.remove(part.object_id)
                    self._store.fill(part.object_id, pieces)
            if array.object_id in missing:
                self._store.put(array.object_id, array.deflate())
        self._kept.append((weakref.ref(values), array))
        return array
