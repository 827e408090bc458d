import ctypes
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from fedcmr.memory import give_back, held_memory

pytestmark = pytest.mark.skipif(
    not hasattr(ctypes.CDLL(None), "mallopt"), reason="needs glibc, whose allocator is set"
)

MEGABYTES = 96
PAGES = Path("/sys/kernel/mm/transparent_hugepage/enabled")


def resident_mb() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    raise AssertionError


def test_freed_memory_stays_until_the_end_of_the_block() -> None:
    give_back()
    before = resident_mb()
    with held_memory():
        with held_memory():
            torch.ones(MEGABYTES * 2**18)  # freed at once
        assert resident_mb() > before + 0.9 * MEGABYTES
        give_back()
        assert resident_mb() < before + 0.5 * MEGABYTES
        torch.ones(MEGABYTES * 2**18)
        assert resident_mb() > before + 0.9 * MEGABYTES
    assert resident_mb() < before + 0.5 * MEGABYTES


LARGE = f"""
import torch
from fedcmr.training.world import on_devices

def work(world, model):
    held = torch.ones({MEGABYTES} * 2**18)
    with open("/proc/self/smaps_rollup") as file:
        print(*(line.split()[1] for line in file if line.startswith("AnonHugePages")))

on_devices(work, [torch.device("cpu")], torch.nn.Linear(2, 2))
"""


@pytest.mark.skipif(
    not PAGES.exists() or "[never]" in PAGES.read_text(), reason="needs a kernel with large pages"
)
def test_training_has_large_pages_although_its_network_was_made_before() -> None:
    done = subprocess.run([sys.executable, "-c", LARGE], capture_output=True, text=True, check=True)
    assert int(done.stdout) > 1024 * MEGABYTES / 2
