"""Forms of one ST-RAN, each in a process of its own that runs one pass whenever it is told to.

Own processes keep TensorFlow's threads and our allocator settings out of the other forms.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any, Literal, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

from fedcmr.bench.naive_st_ran import naive_logits
from fedcmr.config import Preprocessing
from fedcmr.memory import LARGE_PAGES, held_memory
from fedcmr.models.layers.factorised import Layout
from fedcmr.models.st_ran import StRan
from fedcmr.network import ModelSettings

Form: TypeAlias = Literal["ours", "naive", "keras", "default allocator"]
Pass: TypeAlias = Literal["forward", "step"]
Passes: TypeAlias = dict[str, Callable[[], object]]


@contextmanager
def form_process(
    form: Form, layout: Layout, *, size: int, studies: int, threads: int
) -> Iterator[Callable[[Pass], float]]:
    """Start a form; the value runs one of its passes and returns the CPU seconds that it took.

    Args:
        form: ours as training runs it, ours with the allocator as it comes, the naive reading of
            the paper, or Keras.
        layout: of the positions.
        size: side of the images; slices and phases are the defaults.
        studies: in a batch.
        threads: of PyTorch or TensorFlow.
    """
    here, there = get_context("spawn").Pipe()
    process = get_context("spawn").Process(
        target=_answer, args=(there, form, layout, size, studies, threads), daemon=True
    )
    process.start()
    there.close()

    def run(which: Pass) -> float:
        here.send(which)
        seconds: float = here.recv()
        return seconds

    try:
        yield run
    finally:
        here.close()
        process.join()


def _answer(
    asked: Connection, form: Form, layout: Layout, size: int, studies: int, threads: int
) -> None:
    if form != "ours":
        os.environ[LARGE_PAGES] = "0"
    torch.set_num_threads(threads)
    preprocessing = Preprocessing(size=size)
    cine = torch.rand(studies, preprocessing.slices, preprocessing.phases, size, size)
    with held_memory() if form == "ours" else nullcontext():
        passes = _keras(layout, cine) if form == "keras" else _torch(form, layout, cine)
        while True:
            try:
                which = asked.recv()
            except EOFError:
                return
            started = time.process_time()
            passes[which]()
            asked.send(time.process_time() - started)


def _torch(form: Form, layout: Layout, cine: Tensor) -> Passes:
    settings = ModelSettings(layout=layout)
    model = StRan(settings, cine.shape[1], attention=True, residual_attention=True)
    targets = torch.ones(len(cine))

    def logits() -> Tensor:
        result: Tensor = naive_logits(model, cine) if form == "naive" else model(cine)
        return result

    def forward() -> None:
        with torch.no_grad():
            logits()

    def step() -> None:
        model.zero_grad()
        F.binary_cross_entropy_with_logits(logits(), targets).backward()

    return {"forward": forward, "step": step}


def _keras(layout: Layout, cine: Tensor) -> Passes:
    import tensorflow as tf

    from fedcmr.bench.keras_st_ran import keras_st_ran

    tf.config.threading.set_intra_op_parallelism_threads(torch.get_num_threads())
    tf.config.threading.set_inter_op_parallelism_threads(1)
    _, slices, phases, size, _ = cine.shape
    model = keras_st_ran(layout, phases, size, slices)
    order = cine.transpose(1, 2)[..., None] if layout == "true_4d" else cine.permute(0, 2, 3, 4, 1)
    x = tf.constant(order.numpy())
    forward = tf.function(lambda: model(x, training=False))

    @tf.function  # type: ignore[untyped-decorator]  # TensorFlow has no types
    def step() -> Any:
        with tf.GradientTape() as tape:
            logits = model(x, training=True)
            loss = tf.reduce_mean(
                tf.nn.sigmoid_cross_entropy_with_logits(tf.ones_like(logits), logits)
            )
        return tape.gradient(loss, model.trainable_variables)

    return {
        "forward": lambda: forward().numpy(),
        "step": lambda: [gradient.numpy() for gradient in step()],
    }
