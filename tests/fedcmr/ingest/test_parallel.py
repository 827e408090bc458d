import os
import signal
from collections.abc import Iterator

import pytest

from fedcmr.errors import DataError
from fedcmr.ingest.parallel import AHEAD, parallel_map


def square(number: int) -> tuple[int, int]:
    return number * number, os.getpid()


def die(number: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return number


def test_order_is_kept_over_processes() -> None:
    with parallel_map(2) as mapped:
        results = list(mapped(square, range(20), few=0))
        few = list(mapped(square, range(2), few=2))
    assert [(item, value) for item, (value, _) in results] == [(n, n * n) for n in range(20)]
    # processes that have started do a few items too
    assert os.getpid() not in {process for _, (_, process) in results + few}


def test_items_are_asked_for_a_few_ahead() -> None:
    asked: list[int] = []

    def items() -> Iterator[int]:
        for number in range(1000):
            asked.append(number)
            yield number

    with parallel_map(2) as mapped:
        results = mapped(square, items(), few=3)
        assert [next(results)[0] for _ in range(5)] == list(range(5))
        assert 5 < len(asked) <= 5 + 2 * AHEAD + 1


@pytest.mark.parametrize(("workers", "few"), [(1, 0), (2, 20)])
def test_one_worker_or_few_items_stay_in_this_process(workers: int, few: int) -> None:
    with parallel_map(workers) as mapped:
        done = list(mapped(square, range(20), few=few))
    assert [item for item, _ in done] == list(range(20))
    assert {process for _, (_, process) in done} == {os.getpid()}


def test_a_killed_worker_is_one_clear_error() -> None:
    with pytest.raises(DataError, match="a worker process was killed"), parallel_map(2) as mapped:
        list(mapped(die, range(4), few=0))
