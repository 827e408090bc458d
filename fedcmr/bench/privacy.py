"""What privacy costs: ways to clip by patient against the same step without privacy.

- not private: one study at a time, gradients accumulated, as training does at `micro_batch: 1`.
- one batch: the same without privacy, all studies at once.
- per patient: the training loop's own (`fedcmr.privacy.dp_sgd`), one pass for each.
- hooks: Opacus' GradSampleModule, gradients of every study kept.
- functorch: torch.func, one vmap over the whole network.
- ghost: Opacus' fast clipping, norms in a first backward pass, the clipped sum in a second. Its
  short cut for the norms of nn.Linear finds none on images (Opacus 1.6) and stays off.

Every private way must come to the same clipped sum; how far it is off ours is a figure.
"""

import time
from collections.abc import Callable, Iterator
from multiprocessing import get_context
from pathlib import Path
from typing import TypeAlias

import torch
import torch.nn.functional as F
from opacus import GradSampleModule
from opacus.grad_sample import GradSampleModuleFastGradientClipping
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from fedcmr.bench.figure import Figure
from fedcmr.bench.timing import medians_in_turn
from fedcmr.config import Preprocessing
from fedcmr.memory import held_memory
from fedcmr.models.registry import build
from fedcmr.network import ModelName, ModelSettings
from fedcmr.privacy.dp_sgd import SMALLEST_NORM, PrivateGradient
from fedcmr.training.device import visible_devices

CLIP = 0.1
OPEN, AT_ONCE, OURS, OPACUS = "not private", "one batch", "per patient", "hooks"
MOST_TIME, MOST_MEMORY, MOST_ERROR = 1.15, 1.0, 1e-5
"""Bars of our own way, over the step without privacy; and of its difference to Opacus'."""
PEAK = "VmHWM"
"""The line of /proc/self/status with the most bytes that a process has held."""

Step: TypeAlias = Callable[[], list[Tensor]]
"""Does a step and returns the sum over its studies, a tensor per parameter."""


def bench_privacy(
    *, name: ModelName, size: int, studies: int, repeats: int, threads: int
) -> Iterator[Figure]:
    """Time the ways in turn, and the peak memory of each in a process of its own.

    Times are CPU time where there is no GPU: other work on the machine counts less.

    Args:
        name: network; slices and phases are the defaults.
        size: side of the images.
        studies: in a step, each of its own patient.
        repeats: timed turns.
        threads: of PyTorch.
    """
    torch.set_num_threads(threads)
    device = visible_devices()[0]
    steps = {way: _finished(_step(way, *_case(name, size, studies, device))) for way in _WAYS}
    clock = time.perf_counter if device.type == "cuda" else time.process_time
    with held_memory():  # as training does
        sums = {way: [part.clone() for part in step()] for way, step in steps.items()}
        seconds = medians_in_turn(steps, repeats, clock=clock)
    memory = {way: _peak_mb(way, name, size, studies, threads) for way in _WAYS}
    what = f"{name}, {size} x {size}, {studies} studies a step"
    for way in _WAYS:
        if way == OPEN:
            continue
        ours, key = way == OURS, f"dp.{way.replace(' ', '_')}"
        yield Figure(
            f"{key}.time",
            f"{way}: time over not private ({what})",
            seconds[way] / seconds[OPEN],
            "x",
            at_most=MOST_TIME if ours else None,
            detail=f"{seconds[way] / studies:.4f} s / {seconds[OPEN] / studies:.4f} s a study",
        )
        yield Figure(
            f"{key}.memory",
            f"{way}: peak memory over not private",
            memory[way] / memory[OPEN],
            "x",
            at_most=MOST_MEMORY if ours else None,
            detail=f"{memory[way]:.0f} MB / {memory[OPEN]:.0f} MB",
        )
        if way not in (AT_ONCE, OURS):
            yield Figure(
                f"{key}.error",
                f"{way}: length of the difference of the clipped sums over that of ours",
                _difference(sums[way], sums[OURS]),
                at_most=MOST_ERROR if way == OPACUS else None,
            )


Case: TypeAlias = tuple[nn.Module, Tensor, Tensor]
"""Network, studies (B, Z, T, Y, X), labels (B,)."""


def _case(name: ModelName, size: int, studies: int, device: torch.device) -> Case:
    torch.manual_seed(0)
    shape = Preprocessing(size=size)
    model = build(ModelSettings(name=name), shape).to(device).train()
    x = torch.rand(studies, shape.slices, shape.phases, size, size, device=device)
    return model, x, (torch.arange(studies, device=device) % 2).float()


def _step(way: str, model: nn.Module, x: Tensor, y: Tensor) -> Step:
    return _WAYS[way](model, x, y)


def _finished(step: Step) -> Step:
    def finished() -> list[Tensor]:
        result = step()
        if result[0].is_cuda:
            torch.cuda.synchronize(result[0].device)
        return result

    return finished


def _losses(logits: Tensor, y: Tensor) -> Tensor:
    return F.binary_cross_entropy_with_logits(logits, y, reduction="none")


def _gradients(model: nn.Module) -> list[Tensor]:
    return [p.grad for p in model.parameters() if p.grad is not None]


def _open(model: nn.Module, x: Tensor, y: Tensor) -> Step:
    def step() -> list[Tensor]:
        model.zero_grad()
        for study in range(len(x)):
            _losses(model(x[study : study + 1]), y[study : study + 1]).sum().backward()
        return _gradients(model)

    return step


def _at_once(model: nn.Module, x: Tensor, y: Tensor) -> Step:
    def step() -> list[Tensor]:
        model.zero_grad()
        _losses(model(x), y).sum().backward()
        return _gradients(model)

    return step


def _per_patient(model: nn.Module, x: Tensor, y: Tensor) -> Step:
    gradient = PrivateGradient(model.parameters(), CLIP)

    def step() -> list[Tensor]:
        for study in range(len(x)):
            _losses(model(x[study : study + 1]), y[study : study + 1]).sum().backward()
            gradient.take()
        gradient.release(1.0, None)
        return _gradients(model)

    return step


def _clipped(samples: list[Tensor]) -> list[Tensor]:
    norms = torch.stack([sample.flatten(1).norm(dim=1) for sample in samples]).norm(dim=0)
    factors = (CLIP / (norms + SMALLEST_NORM)).clamp(max=1)
    return [torch.einsum("b,b...->...", factors, sample) for sample in samples]


def _hooks(model: nn.Module, x: Tensor, y: Tensor) -> Step:
    wrapped = GradSampleModule(model, loss_reduction="sum")

    def step() -> list[Tensor]:
        wrapped.zero_grad()
        _losses(wrapped(x), y).sum().backward()
        return _clipped([parameter.grad_sample for parameter in wrapped.parameters()])

    return step


def _functorch(model: nn.Module, x: Tensor, y: Tensor) -> Step:
    parameters = {key: value.detach() for key, value in model.named_parameters()}

    def loss(values: dict[str, Tensor], one: Tensor, target: Tensor) -> Tensor:
        logits = functional_call(model, values, (one.unsqueeze(0),))
        return _losses(logits, target.unsqueeze(0)).sum()

    each = vmap(grad(loss), in_dims=(None, 0, 0), randomness="different")
    return lambda: _clipped(list(each(parameters, x, y).values()))


def _ghost(model: nn.Module, x: Tensor, y: Tensor) -> Step:
    wrapped = GradSampleModuleFastGradientClipping(
        model, loss_reduction="sum", max_grad_norm=CLIP, use_ghost_clipping=False
    )

    def step() -> list[Tensor]:
        wrapped.zero_grad()
        wrapped.enable_hooks()
        losses = _losses(wrapped(x), y)
        losses.sum().backward(retain_graph=True)
        factors = wrapped.get_clipping_coef()
        wrapped.zero_grad()
        wrapped.disable_hooks()
        (losses * factors).sum().backward()
        return _gradients(wrapped)

    return step


_WAYS: dict[str, Callable[[nn.Module, Tensor, Tensor], Step]] = {
    OPEN: _open,
    AT_ONCE: _at_once,
    OURS: _per_patient,
    OPACUS: _hooks,
    "functorch": _functorch,
    "ghost": _ghost,
}


def _difference(found: list[Tensor], expected: list[Tensor]) -> float:
    """Return the length of the difference over the length of what was expected."""
    off = torch.stack([(a - b).norm() for a, b in zip(found, expected, strict=True)]).norm()
    return float(off / torch.stack([part.norm() for part in expected]).norm())


def _peak_mb(way: str, name: ModelName, size: int, studies: int, threads: int) -> float:
    with get_context("spawn").Pool(1) as pool:
        return pool.apply(_measured_peak, (way, name, size, studies, threads))


def _measured_peak(way: str, name: ModelName, size: int, studies: int, threads: int) -> float:
    """Return the most that two steps hold above network and studies, in MB."""
    torch.set_num_threads(threads)
    device = visible_devices()[0]
    case = _case(name, size, studies, device)
    resting = _held(device)
    step = _step(way, *case)
    for _ in range(2):
        step()
    if device.type == "cuda":
        return (torch.cuda.max_memory_allocated(device) - resting) / 1e6
    return (_status(PEAK) - resting) / 1e6


def _held(device: torch.device) -> int:
    """Return the bytes held now; the peak is counted from here."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return torch.cuda.memory_allocated(device)
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # man 5 proc: resets VmHWM
    return _status("VmRSS")


def _status(field: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:"))
