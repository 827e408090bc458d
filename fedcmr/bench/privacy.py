"""What privacy costs: ways to clip by patient against the same step without privacy.

- per patient: the training loop's own (`fedcmr.privacy.dp_sgd`), one pass for each.
- hooks: Opacus' GradSampleModule, gradients of every study kept.
- functorch: torch.func, one vmap over the whole network.
- ghost: Opacus' fast clipping, norms in a first backward pass, the clipped sum in a second. Its
  short cut for the norms of nn.Linear finds none on images (Opacus 1.6) and stays off.

Every way must come to the same clipped sum; how far it is off is printed.
"""

import os
import resource
from collections.abc import Callable
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeAlias

import torch
import torch.nn.functional as F
from opacus import GradSampleModule
from opacus.grad_sample import GradSampleModuleFastGradientClipping
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from fedcmr.bench.timing import medians_in_turn
from fedcmr.config import Preprocessing
from fedcmr.models.registry import build
from fedcmr.network import ModelName, ModelSettings
from fedcmr.privacy.dp_sgd import SMALLEST_NORM, PrivateGradient
from fedcmr.training.device import visible_devices

CLIP = 0.1
OPEN = "not private"

Step: TypeAlias = Callable[[], list[Tensor]]
"""Does a step and returns the sum over its studies, a tensor per parameter."""


@dataclass(frozen=True)
class Way:
    """One way to take the step."""

    name: str
    seconds: float
    """Per study, median."""
    ratio: float
    """Over the step without privacy."""
    memory_mb: float
    """Peak above the network and the studies, in a process of its own."""
    error: float
    """Largest difference to the clipped sum of our loop, over its largest entry; 0 of itself."""


@dataclass(frozen=True)
class PrivacyBench:
    """Content of `fedcmr bench dp --json`."""

    device: str
    threads: int
    load: float
    """Processes that wanted a core in the minute before."""
    model: str
    size: int
    studies: int
    repeats: int
    ways: tuple[Way, ...]

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


def bench_privacy(
    *, name: ModelName, size: int, studies: int, repeats: int, threads: int
) -> PrivacyBench:
    """Time the ways in turn, and the peak memory of each.

    Args:
        name: network; slices and phases are the defaults.
        size: side of the images.
        studies: in a step, each of its own patient.
        repeats: timed turns.
        threads: of PyTorch.
    """
    torch.set_num_threads(threads)
    device = visible_devices()[0]
    steps = {way: _step(way, name, size, studies, device) for way in _WAYS}
    load = os.getloadavg()[0]
    sums = {way: [part.clone() for part in step()] for way, step in steps.items()}
    seconds = medians_in_turn(steps, repeats)
    ours = sums["per patient"]
    return PrivacyBench(
        device=torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        threads=threads,
        load=load,
        model=name,
        size=size,
        studies=studies,
        repeats=repeats,
        ways=tuple(
            Way(
                name=way,
                seconds=seconds[way] / studies,
                ratio=seconds[way] / seconds[OPEN],
                memory_mb=_peak_mb(way, name, size, studies, threads),
                error=0.0 if way == OPEN else _difference(sums[way], ours),
            )
            for way in _WAYS
        ),
    )


def _step(way: str, name: ModelName, size: int, studies: int, device: torch.device) -> Step:
    torch.manual_seed(0)
    shape = Preprocessing(size=size)
    model = build(ModelSettings(name=name), shape).to(device).train()
    x = torch.rand(studies, shape.slices, shape.phases, size, size, device=device)
    y = (torch.arange(studies, device=device) % 2).float()
    step = _WAYS[way](model, x, y)

    def finished() -> list[Tensor]:
        result = step()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return result

    return finished


def _losses(logits: Tensor, y: Tensor) -> Tensor:
    return F.binary_cross_entropy_with_logits(logits, y, reduction="none")


def _gradients(model: nn.Module) -> list[Tensor]:
    return [p.grad for p in model.parameters() if p.grad is not None]


def _open(model: nn.Module, x: Tensor, y: Tensor) -> Step:
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
    "per patient": _per_patient,
    "hooks": _hooks,
    "functorch": _functorch,
    "ghost": _ghost,
}


def _difference(found: list[Tensor], expected: list[Tensor]) -> float:
    largest = max(float(part.abs().max()) for part in expected)
    pairs = zip(found, expected, strict=True)
    return max(float((a - b).abs().max()) for a, b in pairs) / largest


def _peak_mb(way: str, name: ModelName, size: int, studies: int, threads: int) -> float:
    with get_context("spawn").Pool(1) as pool:
        return pool.apply(_measured_peak, (way, name, size, studies, threads))


def _measured_peak(way: str, name: ModelName, size: int, studies: int, threads: int) -> float:
    torch.set_num_threads(threads)
    device = visible_devices()[0]
    step = _step(way, name, size, studies, device)
    if device.type == "cuda":
        before = torch.cuda.memory_allocated(device)
        step()
        return (torch.cuda.max_memory_allocated(device) - before) / 1e6
    resting = _peak_rss()
    step()
    return (_peak_rss() - resting) / 1e6


def _peak_rss() -> int:
    """Return the most bytes that this process has held."""
    status = Path("/proc/self/status")
    if status.exists():  # Linux hands ru_maxrss on from the process that started this one
        lines = status.read_text(encoding="ascii").splitlines()
        return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
