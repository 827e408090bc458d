"""Faults of the machine that a coordinator may be told of: which one, never where."""

import errno

import torch

from fedcmr.errors import CheckFailed


def fault_of(error: Exception) -> CheckFailed | None:
    """Return a known fault as one line for both sides; None for anything else."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError) or "can't allocate" in str(error):
        return CheckFailed(
            "the site could not answer: out of memory",
            fix="end what else uses the memory, or ask for a smaller training.micro_batch",
        )
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return CheckFailed("the site could not answer: disk full", fix="free some space")
    if isinstance(error, torch.AcceleratorError):
        return GpuFailed(
            "the site could not answer: GPU error",
            fix="this process cannot use the GPU any more: start it again, the round goes on",
        )
    return None


class GpuFailed(CheckFailed):
    """The GPU is lost to this process; only a new one can use it."""
