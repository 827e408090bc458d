"""A map over processes, in order; with one worker it runs in this process."""

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import Protocol, TypeVar

from fedcmr.errors import DataError

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


class Map(Protocol):
    """Apply a function to items; results come in the order of the items."""

    def __call__(
        self, function: Callable[[_Item], _Result], items: Sequence[_Item], *, few: int
    ) -> Iterator[_Result]:
        """Return the results one by one; `few` items are done before processes have started."""


@contextmanager
def parallel_map(workers: int) -> Iterator[Map]:
    """Give a map over `workers` processes; 0 is one for each core this process may use.

    Raises:
        DataError: a worker was killed, for example for want of memory.
    """
    count = workers or len(os.sched_getaffinity(0))
    with ExitStack() as stack:

        @cache
        def pool() -> ProcessPoolExecutor:
            # not fork: the parent may hold threads of torch or of a progress bar
            context = multiprocessing.get_context("spawn")
            made = ProcessPoolExecutor(count, mp_context=context, initializer=_end_with_parent)
            stack.callback(made.shutdown, cancel_futures=True)
            return made

        def mapped(
            function: Callable[[_Item], _Result], items: Sequence[_Item], *, few: int
        ) -> Iterator[_Result]:
            return (
                map(function, items)
                if count == 1 or len(items) <= few
                else pool().map(function, items)
            )

        try:
            yield mapped
        except BrokenProcessPool:
            raise DataError(
                "a worker process was killed, perhaps for want of memory",
                fix="use fewer --workers",
            ) from None


def _end_with_parent() -> None:
    """End this worker when the parent is killed; it would wait for work for ever."""
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
