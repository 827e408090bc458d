import gc
import weakref
from collections import deque
from collections.abc import Iterator

import psutil
import pytest
from fedcmr_server.memory import free_what_is_gone, keep_what_is_loaded


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


def resident() -> int:
    """Return the bytes of this process that are no page of a file."""
    memory = psutil.Process().memory_info()
    return int(memory.rss - memory.shared)


def test_what_lies_free_between_blocks_that_stay_goes_back() -> None:
    free_what_is_gone()
    blocks = [bytearray(b"1" * 100_000) for _ in range(800)]
    full = resident()
    stay = blocks[::20]
    cycle: list[object] = [*blocks]
    cycle.append(cycle)
    del blocks, cycle
    free_what_is_gone()
    assert resident() < full - 50_000_000
    assert len(stay) == 40
