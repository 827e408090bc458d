from pathlib import Path

import numpy as np
import pytest
from fedcmr_server.objects import DiskObjectStore
from fedcmr_server.shelf import Shelf
from flwr.app import Array
from flwr.supercore.inflatable.inflatable_object import get_all_nested_objects, get_object_tree
from flwr.supercore.task_identity import TaskIdentity

from fedcmr.federation.messages import PART

FIRST = np.arange(3_000_000, dtype=np.float32)
SECOND = -FIRST


@pytest.fixture
def store(tmp_path: Path) -> DiskObjectStore:
    TaskIdentity.run_id = 1
    return DiskObjectStore(tmp_path)


def test_weights_lie_in_the_store_as_flower_would_have_put_them(
    store: DiskObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flwr.app.message.array.FLWR_PRIVATE_MAX_ARRAY_CHUNK_SIZE", PART)
    array = Shelf(store).arrays({"w": FIRST})["w"]
    assert array.data == b""
    assert get_object_tree(array).object_id == Array(FIRST).object_id
    expected = get_all_nested_objects(Array(FIRST))
    assert set(store.store) == set(expected)
    for name, item in expected.items():
        assert store.get(name) == item.deflate()


def test_weights_that_are_asked_for_again_are_named_once(
    store: DiskObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = Shelf(store)
    before = shelf.arrays({"w": FIRST})["w"]
    monkeypatch.delattr("fedcmr_server.shelf.part_name")
    assert shelf.arrays({"w": FIRST})["w"] is before


def test_weights_stay_until_others_are_asked_for(store: DiskObjectStore) -> None:
    shelf = Shelf(store)
    shelf.arrays({"w": FIRST})
    first = set(store.store)
    shelf.arrays({"w": FIRST, "other": SECOND})
    assert first < set(store.store)
    shelf.arrays({"other": SECOND})
    assert first.isdisjoint(store.store)
    names = {path.name for path in store.folder.iterdir()}
    assert {name for name in names if not name.startswith("spare-sent-")} == set(store.store)


def test_no_site_can_delete_weights_while_they_are_put(
    store: DiskObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill = store.fill

    def hostile(name: str, pieces: list[memoryview]) -> None:
        for known in [*store.store]:
            store.delete(known)  # as "received", which any site may say of any name
        fill(name, pieces)

    monkeypatch.setattr(store, "fill", hostile)
    array = Shelf(store).arrays({"w": FIRST})["w"]
    assert store.has_all_of(get_object_tree(array).object_id)
