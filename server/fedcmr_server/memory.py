"""Memory that is not needed any more is freed, and goes back to the system at once."""

import ctypes
import gc

from fedcmr.memory import give_back

M_MMAP_THRESHOLD, M_ARENA_MAX = -3, -8
"""Numbers of glibc's malloc.h."""

LARGE = 2**19
"""Bytes from which a block is mapped by itself, and unmapped when it is freed."""

ARENAS = 2

OFTEN = 700, 5, 1
"""Thresholds of the three generations: the oldest is searched after some 8 000 new objects."""


def return_freed_memory() -> None:
    """Keep glibc from hoarding what many threads have freed; other C libraries are left alone.

    By default the first freed part of an upload raises the threshold for mapping to 32 MiB, and
    every thread then keeps parts in an arena of its own.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, LARGE)
        mallopt(M_ARENA_MAX, ARENAS)


def keep_what_is_loaded() -> None:
    """Take all objects that exist now out of the search for garbage; to be called once.

    Messages are reference cycles, which only that search frees. Python makes the search for those
    that have lived a while when a quarter as many objects have come as there are: beside the
    400 000 of the libraries, the messages of a hundred rounds would stay. Without them the search
    takes milliseconds, and is made ten times as often.
    """
    gc.freeze()
    gc.set_threshold(*OFTEN)
    gc.collect()  # from here on "as many as there are" counts the new ones only


def free_what_is_gone() -> None:
    """Free what the sites have sent, and give every free page back; milliseconds.

    Messages are reference cycles. What they leave free lies between blocks that stay, where glibc
    would hold it.
    """
    gc.collect()
    give_back()
