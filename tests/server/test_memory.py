import gc
import weakref
from collections import deque
from collections.abc import Iterator

import pytest
from fedcmr_server.memory import keep_what_is_loaded


class Record:
    """A reference cycle, as Flower's records are."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture
def large_process() -> Iterator[list[Record]]:
    """Many objects that stay, as those of the libraries do."""
    loaded = [Record() for _ in range(600_000)]
    gc.collect()
    usual = gc.get_threshold()
    yield loaded
    gc.unfreeze()
    gc.set_threshold(*usual)


def test_messages_that_lived_a_while_are_freed_beside_much_that_stays(
    large_process: list[Record],
) -> None:
    keep_what_is_loaded()
    messages: weakref.WeakSet[Record] = weakref.WeakSet()
    open_ones: deque[Record] = deque(maxlen=10_000)
    most = 0
    for _ in range(200_000):
        open_ones.append(Record())
        messages.add(open_ones[-1])
        most = max(most, len(messages.data))
    assert most < 30_000
