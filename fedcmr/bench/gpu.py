"""Training steps on a GPU: time, memory, and the share of what the memory's bandwidth allows."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from math import prod
from statistics import median
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fedcmr.bench.figure import Figure
from fedcmr.bench.traffic import traffic
from fedcmr.config import Preprocessing
from fedcmr.models.registry import build
from fedcmr.network import ModelSettings
from fedcmr.training.device import visible_devices
from fedcmr.training.world import World, on_devices

NO_GPU = "no CUDA device"
COPIED = 2**28
"""Numbers of the copy that measures the bandwidth: 1 GiB read and 1 GiB written."""


@dataclass(frozen=True)
class Case:
    """A network at the shape of its experiment."""

    name: str
    settings: ModelSettings
    preprocessing: Preprocessing
    samples: int

    @property
    def shape(self) -> tuple[int, ...]:
        """(B, Z, T, Y, X)."""
        p = self.preprocessing
        return self.samples, p.slices, p.phases, p.size, p.size

    def network(self, device: torch.device) -> nn.Module:
        """Return the network in training."""
        return build(self.settings, self.preprocessing).to(device).train()


CASES = (
    Case("st_ran", ModelSettings(), Preprocessing(), 4),
    Case("st_ran_true_4d", ModelSettings(layout="true_4d"), Preprocessing(), 4),
    Case(
        "mvo", ModelSettings(name="mvo_r2plus1d_bert"), Preprocessing(slices=1, phases=30, size=64),
        16,
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Form:
    """A way to run the step; activations channels-last in all of them."""

    name: str
    number: torch.dtype
    prepare: Callable[[nn.Module, Tensor], Any]
    """Network and batch to what the step calls with the batch."""


def _as_it_is(network: nn.Module, _: Tensor) -> Any:
    return network


def _compiled(network: nn.Module, _: Tensor) -> Any:
    return torch.compile(network)


def _graphed(network: nn.Module, cine: Tensor) -> Any:
    return torch.cuda.make_graphed_callables(network, (cine,), allow_unused_input=True)


FORMS = (
    Form("fp32", torch.float32, _as_it_is),
    Form("bf16", torch.bfloat16, _as_it_is),
    Form("fp16", torch.float16, _as_it_is),
    Form("bf16_compiled", torch.bfloat16, _compiled),
    Form("bf16_graph", torch.bfloat16, _graphed),
)


def bench_gpu(
    repeats: int, *, cases: tuple[Case, ...] = CASES, forms: tuple[Form, ...] = FORMS
) -> Iterator[Figure]:
    """Yield each form of each case on the first GPU, and the step shared by all of them."""
    devices = visible_devices()
    here = devices[0] if devices[0].type == "cuda" else None
    bandwidth = None if here is None else _bandwidth(here, repeats)
    for case in cases:
        for form in forms:
            name = f"gpu.{case.name}.{form.name}"
            what = (
                f"share of the bandwidth floor, step of {case.samples} samples, {case.name}, "
                f"{form.name}"
            )
            if here is None or bandwidth is None:
                yield Figure.not_run(name, what, NO_GPU, unit="%")
            else:
                yield share_of_floor(name, what, case, form, here, bandwidth, repeats)
    what = f"step of {cases[0].samples} samples on all GPUs over one GPU"
    if len(devices) == 1:
        yield Figure.not_run("gpu.devices", what, NO_GPU if here is None else "one GPU", unit="x")
    else:
        yield all_devices("gpu.devices", what, cases[0], devices, repeats)


def share_of_floor(
    name: str,
    what: str,
    case: Case,
    form: Form,
    device: torch.device,
    bandwidth: float,
    repeats: int,
) -> Figure:
    """Measure one form; `bandwidth` in bytes a second."""
    try:
        seconds, megabytes = _step(case, form, device, repeats)
    except Exception as error:  # a compiler or capture may refuse; the other forms still count
        why = str(error).strip().partition("\n")[0]
        return Figure.not_run(name, what, f"{type(error).__name__}: {why}"[:200], unit="%")
    moved = traffic(case.network(torch.device("cpu")), case.shape, form.number.itemsize)
    return Figure(
        name,
        what,
        100 * moved / bandwidth / seconds,
        "%",
        detail=f"{1e3 * seconds:.1f} ms and {megabytes:.0f} MB a step; {moved / 1e9:.2f} GB at "
        f"{bandwidth / 1e9:.0f} GB/s",
    )


def all_devices(
    name: str, what: str, case: Case, devices: tuple[torch.device, ...], repeats: int
) -> Figure:
    """Measure steps that all devices share against the same on the first."""
    one, together = (
        on_devices(_shared_step, some, case.network(torch.device("cpu")), case.shape, repeats)
        for some in (devices[:1], devices)
    )
    detail = f"{1e3 * together:.1f} ms on {len(devices)} / {1e3 * one:.1f} ms"
    return Figure(name, what, together / one, "x", detail=detail)


def _shared_step(world: World, network: nn.Module, shape: tuple[int, ...], repeats: int) -> float:
    mine = len(world.share(torch.arange(shape[0])))
    cine = torch.rand(mine, *shape[1:], device=world.device)

    def step() -> None:
        network.zero_grad()
        (network(cine).sum() / shape[0]).backward()
        world.add_up([p.grad for p in network.parameters() if p.grad is not None])

    return _median_s(step, world.device, repeats)


def _step(case: Case, form: Form, device: torch.device, repeats: int) -> tuple[float, float]:
    """Return the seconds of a step with its optimiser, and the peak memory in MB (0 on a CPU)."""
    on_gpu = device.type == "cuda"
    if on_gpu:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
    cine, targets = torch.rand(case.shape, device=device), torch.ones(case.samples, device=device)
    network = case.network(device)
    optimizer = torch.optim.SGD(network.parameters(), 1e-4)
    scaler = torch.amp.GradScaler(device.type, enabled=form.number == torch.float16)

    def narrow() -> AbstractContextManager[object]:
        if form.number == torch.float32:
            return nullcontext()
        return torch.autocast(device.type, form.number, cache_enabled=False)

    with narrow():
        run = form.prepare(network, cine)

    def step() -> None:
        with narrow():
            logits = run(cine)
        scaler.scale(F.binary_cross_entropy_with_logits(logits.float(), targets)).backward()
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad()

    seconds = _median_s(step, device, repeats)
    return seconds, torch.cuda.max_memory_allocated(device) / 1e6 if on_gpu else 0.0


def _bandwidth(device: torch.device, repeats: int, count: int = COPIED) -> float:
    source = torch.ones(count, device=device)
    target = torch.empty_like(source)
    moved = 2 * prod(source.shape) * source.itemsize
    return moved / _median_s(lambda: target.copy_(source), device, repeats)


def _median_s(work: Callable[[], object], device: torch.device, repeats: int) -> float:
    """Return the median wall time; two untimed calls come first."""
    times = []
    for _ in range(repeats + 2):
        started = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        times.append(time.perf_counter() - started)
    return median(times[2:])
