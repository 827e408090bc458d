"""Messages that are pulled: arrays in parts come back whole, once, and damage is refused."""

import numpy as np
import pytest
from fedcmr_client.incoming import Content, pull_message
from fedcmr_client.packed import Packed
from flwr.app import Array, ArrayRecord, ConfigRecord, Message, RecordDict
from site_files import question

from fedcmr.federation.parts import KIND

VALUES = np.arange(3_000_000, dtype=np.float32)


class Objects:
    """The objects of a message, as a store would hand them out."""

    def __init__(self) -> None:
        arrays = ArrayRecord({"w": Array(VALUES), "zeros": Array(np.zeros_like(VALUES))})
        content = RecordDict({"arrays": arrays, "config": ConfigRecord({"round": 1})})
        self.packed = Packed(Message(content, reply_to=question("train")))
        self.pulled: list[str] = []

    def pull(self, name: str) -> Content:
        """Return a content; of a part, a view."""
        self.pulled.append(name)
        content = self.packed.objects[name].deflate()
        return memoryview(content) if content.startswith(KIND) else content


def test_arrays_in_parts_come_back_and_are_not_pulled_again() -> None:
    objects = Objects()
    message, arrays = pull_message(objects.packed.tree, objects.pull, {})
    record = message.content.array_records["arrays"]
    assert np.array_equal(record["w"].numpy(), VALUES)
    assert not record["zeros"].numpy().any()
    assert message.content.config_records["config"]["round"] == 1
    assert len(objects.pulled) == len(set(objects.pulled)) == len(objects.packed.objects)
    objects.pulled.clear()
    again, _ = pull_message(objects.packed.tree, objects.pull, arrays)
    assert np.array_equal(again.content.array_records["arrays"]["w"].numpy(), VALUES)
    assert len(objects.pulled) == 4, "message, records, record of arrays, configuration"


def test_a_part_that_is_none_is_refused() -> None:
    objects = Objects()

    def pull(name: str) -> Content:
        content = objects.pull(name)
        return content[:-1] if isinstance(content, memoryview) else content

    with pytest.raises(ValueError, match="no part of an array"):
        pull_message(objects.packed.tree, pull, {})
