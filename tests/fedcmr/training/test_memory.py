import ctypes
from pathlib import Path

import pytest
import torch

from fedcmr.training.memory import held_memory

pytestmark = pytest.mark.skipif(
    not hasattr(ctypes.CDLL(None), "mallopt"), reason="needs glibc, whose allocator is set"
)

MEGABYTES = 96


def resident_mb() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    raise AssertionError


def test_freed_memory_stays_until_the_end_of_the_block() -> None:
    before = resident_mb()
    with held_memory():
        torch.ones(MEGABYTES * 2**18)  # freed at once
        assert resident_mb() > before + 0.9 * MEGABYTES
    assert resident_mb() < before + 0.5 * MEGABYTES
