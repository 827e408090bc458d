import os
import signal

import pytest

from fedcmr.errors import DataError
from fedcmr.ingest.parallel import parallel_map


def square(number: int) -> tuple[int, int]:
    return number * number, os.getpid()


def die(number: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return number


def test_order_is_kept_over_processes() -> None:
    with parallel_map(2) as mapped:
        results = list(mapped(square, range(20), few=0))
        again = list(mapped(square, range(20), few=0))
    assert [value for value, _ in results] == [n * n for n in range(20)]
    assert os.getpid() not in {process for _, process in results}
    assert {process for _, process in again} <= {process for _, process in results + again}


@pytest.mark.parametrize(("workers", "few"), [(1, 0), (2, 20)])
def test_one_worker_or_few_items_stay_in_this_process(workers: int, few: int) -> None:
    with parallel_map(workers) as mapped:
        assert {process for _, process in mapped(square, range(20), few=few)} == {os.getpid()}


def test_a_killed_worker_is_one_clear_error() -> None:
    with pytest.raises(DataError, match="a worker process was killed"), parallel_map(2) as mapped:
        list(mapped(die, range(4), few=0))
