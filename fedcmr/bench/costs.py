"""Where the time of a training step on a CPU goes, by kind of operation."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import torch.nn.functional as F
from torch import rand, zeros
from torch.profiler import ProfilerActivity, profile

from fedcmr.bench.figure import Figure
from fedcmr.config import Preprocessing
from fedcmr.memory import held_memory
from fedcmr.models.registry import build
from fedcmr.network import ModelSettings

NAMED = 3


def largest_costs(model: ModelSettings, preprocessing: Preprocessing, samples: int) -> Figure:
    """Profile one step (forward, backward) of so many samples, after an untimed one."""
    network = build(model, preprocessing).train()
    side = preprocessing.size
    cine = rand(samples, preprocessing.slices, preprocessing.phases, side, side)

    def step() -> None:
        network.zero_grad()
        if model.name == "mvo_r2plus1d_bert":
            logits, maps = network.forward_with_map(cine)  # type: ignore[operator]  # its own
            loss = F.binary_cross_entropy_with_logits(logits, zeros(samples)) + maps.square().mean()
        else:
            loss = F.binary_cross_entropy_with_logits(network(cine), zeros(samples))
        loss.backward()

    with held_memory():
        step()
        costs = _costs(step)
    total = sum(costs.values())
    first = costs.most_common(NAMED)
    where = f"{model.name}, {model.layout}" if model.name == "st_ran" else model.name
    return Figure(
        f"model.costs.{model.name}.{model.layout}",
        f"share of a step's time in its {NAMED} largest costs, {where}, {samples} samples of "
        f"{' x '.join(map(str, cine.shape[1:]))}",
        100 * sum(spent for _, spent in first) / total,
        "%",
        detail="; ".join(f"{name} {100 * spent / total:.0f} %" for name, spent in first)
        + f"; of {total / 1e6:.2f} s",
    )


def _costs(step: Callable[[], None]) -> Counter[str]:
    """Return the microseconds of each kind."""
    with profile(activities=[ProfilerActivity.CPU], record_shapes=True) as recorded:
        step()
    costs: Counter[str] = Counter()
    for event in recorded.events() or ():
        costs[_kind(event)] += event.self_cpu_time_total
    return costs


def _kind(event: Any) -> str:
    """Return the operation's name, of a convolution with its kernel."""
    name = event.name.removeprefix("aten::")
    if not name.endswith(("mkldnn_convolution", "convolution_backward", "cudnn_convolution")):
        return str(name)
    weight = event.input_shapes[2 if name.endswith("backward") else 1]
    return f"{'x'.join(map(str, weight[2:]))} {name}"
