"""ST-RAN against the naive reading of the paper and against Keras."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from fedcmr.bench.naive_st_ran import naive_logits
from fedcmr.bench.timing import medians_in_turn
from fedcmr.config import Preprocessing
from fedcmr.models.layers.factorised import Layout
from fedcmr.models.st_ran import StRan
from fedcmr.network import ModelSettings
from fedcmr.training.device import visible_devices

LAYOUTS: tuple[Layout, ...] = ("slices_as_channels", "true_4d")


@dataclass(frozen=True)
class Timing:
    """One form of one layout; medians in seconds per study."""

    layout: Layout
    form: str
    forward_s: float
    step_s: float
    """Forward and backward."""
    forward_ratio: float
    """This form's time over ours: above 1, ours is faster."""
    step_ratio: float


@dataclass(frozen=True)
class ModelBench:
    """Content of `fedcmr bench model --json`."""

    device: str
    threads: int
    size: int
    studies: int
    repeats: int
    timings: tuple[Timing, ...]
    keras: str
    """"run", or why not."""

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


def bench_model(*, size: int, studies: int, repeats: int) -> ModelBench:
    """Time ours, the naive reading and, where TensorFlow is installed, Keras, in turn.

    Args:
        size: side of the square images; slices and phases are the defaults.
        studies: batch.
        repeats: timed turns.
    """
    device = visible_devices()[0]
    with_keras = find_spec("tensorflow") is not None
    timings = [
        timing
        for layout in LAYOUTS
        for timing in _layout_timings(layout, size, studies, repeats, device, with_keras)
    ]
    return ModelBench(
        device=torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        threads=torch.get_num_threads(),
        size=size,
        studies=studies,
        repeats=repeats,
        timings=tuple(timings),
        keras="run" if with_keras else "not run: TensorFlow is not installed",
    )


def _layout_timings(
    layout: Layout, size: int, studies: int, repeats: int, device: torch.device, with_keras: bool
) -> Iterator[Timing]:
    preprocessing = Preprocessing(size=size)
    model = StRan(
        ModelSettings(layout=layout), preprocessing.slices, attention=True, residual_attention=True
    ).to(device)
    cine = torch.rand(studies, preprocessing.slices, preprocessing.phases, size, size)
    forms = {
        "ours": _torch_form(model, model, cine.to(device)),
        "naive": _torch_form(model, lambda x: naive_logits(model, x), cine.to(device)),
    }
    if with_keras and layout == "slices_as_channels":
        forms["keras"] = _keras_form(cine)
    forward = medians_in_turn({name: form[0] for name, form in forms.items()}, repeats)
    step = medians_in_turn({name: form[1] for name, form in forms.items()}, repeats)
    for name in forms:
        yield Timing(
            layout=layout,
            form=name,
            forward_s=forward[name] / studies,
            step_s=step[name] / studies,
            forward_ratio=forward[name] / forward["ours"],
            step_ratio=step[name] / step["ours"],
        )


Form = tuple[Callable[[], object], Callable[[], object]]


def _torch_form(model: StRan, logits: Callable[[Tensor], Tensor], cine: Tensor) -> Form:
    targets = torch.ones(len(cine), device=cine.device)

    def forward() -> None:
        with torch.no_grad():
            logits(cine)
        _finish(cine.device)

    def step() -> None:
        model.zero_grad()
        F.binary_cross_entropy_with_logits(logits(cine), targets).backward()
        _finish(cine.device)

    return forward, step


def _finish(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _keras_form(cine: Tensor) -> Form:
    import tensorflow as tf

    from fedcmr.bench.keras_st_ran import keras_st_ran

    tf.config.threading.set_intra_op_parallelism_threads(torch.get_num_threads())
    _, slices, phases, size, _ = cine.shape
    model = keras_st_ran(phases, size, slices)
    x = tf.constant(cine.permute(0, 2, 3, 4, 1).numpy())
    forward = tf.function(lambda: model(x, training=False))

    @tf.function  # type: ignore[untyped-decorator]  # TensorFlow has no types
    def step() -> Any:
        with tf.GradientTape() as tape:
            logits = model(x, training=True)
            loss = tf.reduce_mean(
                tf.nn.sigmoid_cross_entropy_with_logits(tf.ones_like(logits), logits)
            )
        return tape.gradient(loss, model.trainable_variables)

    return lambda: forward().numpy(), lambda: [gradient.numpy() for gradient in step()]
