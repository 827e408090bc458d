"""Several devices as one: a process per device, one logical batch split over all of them.

Every process holds the whole network; after a batch their gradients are added up. DistributedData-
Parallel would do the same, but averages over processes, which is wrong for unequal shares.
"""

import copy
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.multiprocessing import get_context
from torch.multiprocessing.spawn import ProcessExitedException, ProcessRaisedException, spawn

from fedcmr.errors import FedcmrError
from fedcmr.memory import held_memory

Result = TypeVar("Result")


@dataclass(frozen=True)
class World:
    """The place of this process among all."""

    device: torch.device
    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        """Whether this process writes files and reports."""
        return self.rank == 0

    def share(self, indices: Tensor) -> Tensor:
        """Return this process' part of a batch (B,); the parts differ by one at most."""
        return indices[self.rank :: self.size]

    def add_up(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by its sum over all processes."""
        if self.size == 1:
            return
        flat = torch.cat([tensor.flatten() for tensor in tensors])
        dist.all_reduce(flat)
        parts = flat.split([tensor.numel() for tensor in tensors])
        for tensor, part in zip(tensors, parts, strict=True):
            tensor.copy_(part.view_as(tensor))

    def from_first(self, value: bool) -> bool:
        """Return the value that the first process holds."""
        word = torch.tensor(float(value and self.first), device=self.device)
        self.add_up([word])
        return bool(word)


def on_devices(
    work: Callable[..., Result], devices: Sequence[torch.device], model: nn.Module, *args: Any
) -> Result:
    """Run `work(world, model, *args)` on each device and leave the weights in `model`.

    The network and the arguments go to the other processes by pickle, so `work` and all of `args`
    must be importable by name. Returns what the first process returned.

    Raises:
        FedcmrError: as `work` raised it.
    """
    home = next(model.parameters()).device
    if len(devices) == 1:
        try:
            with held_memory():
                return work(World(devices[0]), model.to(devices[0]), *args)
        finally:
            model.to(home)
    model.cpu().share_memory()
    answers = get_context("spawn").SimpleQueue()
    with tempfile.TemporaryDirectory() as folder:
        try:
            spawn(
                _in_process,
                (tuple(devices), Path(folder) / "meeting", answers, work, model, args),
                nprocs=len(devices),
            )
        except (ProcessExitedException, ProcessRaisedException):
            if answers.empty():
                raise
    answer = answers.get()
    model.to(home)
    if isinstance(answer, FedcmrError):
        raise answer
    return answer  # type: ignore[no-any-return]  # the queue does not know types


def _in_process(
    rank: int,
    devices: tuple[torch.device, ...],
    meeting: Path,
    answers: Any,
    work: Callable[..., Any],
    model: nn.Module,
    args: tuple[Any, ...],
) -> None:
    device = devices[rank]
    if device.type == "cuda":
        torch.cuda.set_device(device)
    else:
        torch.set_num_threads(max(1, torch.get_num_threads() // len(devices)))
    backend = "nccl" if device.type == "cuda" else "gloo"
    dist.init_process_group(
        backend, init_method=f"file://{meeting}", rank=rank, world_size=len(devices)
    )
    replica = copy.deepcopy(model).to(device)
    try:
        with held_memory():
            answer = work(World(device, rank, len(devices)), replica, *args)
    except FedcmrError as error:
        answers.put(error)
        raise
    dist.barrier()
    if rank == 0:
        model.load_state_dict(replica.state_dict())
        answers.put(answer)
    dist.destroy_process_group()
