"""Tasks by name."""

from fedcmr.errors import ConfigurationError
from fedcmr.tasks.mvo import MVO_TASK
from fedcmr.tasks.scar import SCAR
from fedcmr.tasks.task import Task

__all__ = ["Task", "task"]

_TASKS = {entry.name: entry for entry in (SCAR, MVO_TASK)}


def task(name: str) -> Task:
    """Return the task that an experiment names.

    Raises:
        ConfigurationError: no such task.
    """
    if name not in _TASKS:
        raise ConfigurationError(
            f"no task named {name!r}", fix=f"known: {', '.join(sorted(_TASKS))}"
        )
    return _TASKS[name]
