"""The allocator while much is computed: memory that is freed stays in the process until the end.

Activations of hundreds of MB and arrays of cines are freed and soon asked for again. By default
glibc gives each of them back to the system, which then clears every page anew: a fifth of a
training step on a CPU, a third of the preparation of a study, a third of what a site does with the
weights of a round.
"""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4
"""Numbers of glibc's malloc.h."""

MAPPED, TRIM_AT = 65536, 128 * 1024
"""Their defaults."""

GROW_BY = 2**26
"""Bytes that the heap grows by at once."""

LARGE_PAGES = "THP_MEM_ALLOC_ENABLE"
"""Word of the environment by which PyTorch asks for them, for blocks of 2 MiB and more."""
# It looks there once, at the first tensor: a network is made before anything trains.
os.environ.setdefault(LARGE_PAGES, "1")


_lock = Lock()
_open: list[None] = []
"""As many as there are blocks open."""


@contextmanager
def held_memory() -> Iterator[None]:
    """Hold freed memory within the block, give all of it back after the outermost one.

    Other C libraries than glibc are left alone.
    """
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "mallopt"):
        yield
        return
    with _lock:
        _open.append(None)
        libc.mallopt(M_MMAP_MAX, 0)
        libc.mallopt(M_TRIM_THRESHOLD, -1)
        libc.mallopt(M_TOP_PAD, GROW_BY)
    try:
        yield
    finally:
        with _lock:
            _open.pop()
            if not _open:
                libc.mallopt(M_MMAP_MAX, MAPPED)
                libc.mallopt(M_TRIM_THRESHOLD, TRIM_AT)
                libc.mallopt(M_TOP_PAD, TRIM_AT)
                give_back()


def give_back() -> None:
    """Give every free page back to the system, also within `held_memory`; milliseconds."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
