"""One running process per state folder of a site or a coordinator."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fedcmr.errors import ConfigurationError


@contextmanager
def only_one(lock: Path) -> Iterator[None]:
    """Hold the lock file while the context is open.

    Raises:
        ConfigurationError: another process holds it.
    """
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigurationError(
                "this folder is in use by a running fedcmr",
                where=str(lock.parent),
                fix="stop it first",
            ) from None
        yield


def is_running(lock: Path) -> bool:
    """Tell whether a process holds the lock file; leaves no trace and needs only to read."""
    try:
        with lock.open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False
