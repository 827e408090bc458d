"""A map over processes, in order; with one worker it runs in this process."""

import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from functools import cache
from itertools import chain, islice
from typing import Protocol, TypeVar

from fedcmr.errors import DataError
from fedcmr.memory import held_memory

AHEAD = 4
"""Items that a process may be ahead of the results taken: what waits must not fill the memory."""

_held = ExitStack()  # what a worker holds until it ends
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


class Map(Protocol):
    """Apply a function to items, which are asked for as they are needed."""

    def __call__(
        self, function: Callable[[_Item], _Result], items: Iterable[_Item], *, few: int
    ) -> Iterator[tuple[_Item, _Result]]:
        """Yield items with results, in order; `few` are done before processes could start."""


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
            made = ProcessPoolExecutor(count, mp_context=context, initializer=_begin)
            stack.callback(made.shutdown, cancel_futures=True)
            return made

        def mapped(
            function: Callable[[_Item], _Result], items: Iterable[_Item], *, few: int
        ) -> Iterator[tuple[_Item, _Result]]:
            rest = iter(items)
            begun = pool.cache_info().currsize > 0
            first = [] if count == 1 or begun else list(islice(rest, few + 1))
            if count == 1 or (not begun and len(first) <= few):
                yield from ((item, function(item)) for item in chain(first, rest))
                return
            waiting: deque[tuple[_Item, Future[_Result]]] = deque()
            for item in chain(first, rest):
                waiting.append((item, pool().submit(function, item)))
                if len(waiting) > AHEAD * count:
                    done, result = waiting.popleft()
                    yield done, result.result()
            yield from ((done, result.result()) for done, result in waiting)

        stack.enter_context(held_memory())
        try:
            yield mapped
        except BrokenProcessPool:
            raise DataError(
                "a worker process was killed, perhaps for want of memory",
                fix="use fewer --workers",
            ) from None


def _begin() -> None:
    """Hold freed memory; end when the parent is killed: a worker would wait for work for ever."""
    _held.enter_context(held_memory())
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
