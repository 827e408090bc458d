"""Progress of a long step: a bar on a terminal, otherwise one logged line per event."""

import logging
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeAlias, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

Progress: TypeAlias = Callable[[str, int, int], None]
"""Called with the step, how much of it is done, and how much there is."""

TENTHS = 10

_Item = TypeVar("_Item")

_log = logging.getLogger(__name__)


def silent(step: str, done: int, total: int) -> None:
    """Show nothing."""


@contextmanager
def shown() -> Iterator[Progress]:
    """Show progress on stderr."""
    if not sys.stderr.isatty():
        yield _tenths()
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Bars(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as bars:
        tasks = {}

        def draw(step: str, done: int, total: int) -> None:
            if step not in tasks:
                tasks[step] = bars.add_task(step)
            bars.update(tasks[step], completed=done, total=total)

        yield draw


def counted(
    items: Iterable[_Item], step: str, total: int, progress: Progress, size: int = 1
) -> Iterator[_Item]:
    """Yield `items`, each of which stands for `size` of `total`, and tell `progress`."""
    progress(step, 0, total)
    for number, item in enumerate(items, start=1):
        yield item
        progress(step, min(number * size, total), total)


def _tenths() -> Progress:
    logged: dict[str, int] = {}

    def log(step: str, done: int, total: int) -> None:
        tenth = done * TENTHS // max(total, 1)
        if tenth > logged.get(step, -1):
            logged[step] = tenth
            _log.info("%s: %d of %d", step, done, total)

    return log
