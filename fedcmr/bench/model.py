"""ST-RAN against the naive reading of the paper and against Keras; where the time goes."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from importlib.util import find_spec
from statistics import median

from fedcmr.bench.costs import largest_costs
from fedcmr.bench.figure import Figure
from fedcmr.bench.forms import Form, Pass, form_process
from fedcmr.config import Preprocessing
from fedcmr.models.layers.factorised import Layout
from fedcmr.network import ModelSettings

PASSES: tuple[Pass, ...] = ("forward", "step")
AT_LEAST: dict[tuple[Layout, Pass, Form], float] = {
    ("slices_as_channels", "step", "naive"): 1.7,
    ("true_4d", "step", "naive"): 1.6,
    ("true_4d", "step", "keras"): 1.4,
    ("true_4d", "forward", "keras"): 1.1,
}
"""Bars: the other form's time over ours."""
FORMS: dict[Form, str] = {
    "naive": "the naive reading, contiguous tensors",
    "keras": "Keras",
    "default allocator": "the same with the allocator as it comes",
}
STUDIES: dict[Layout, int] = {"slices_as_channels": 4, "true_4d": 1}
"""The micro-batch of the experiments; one in 4-D, where a study takes 4 GB."""
MVO_SAMPLES = 2


def bench_model(*, size: int, repeats: int, threads: int) -> Iterator[Figure]:
    """Yield the forms' CPU times over ours, passes in turn, and the largest costs of a step.

    Args:
        size: side of the square images; slices and phases are the defaults.
        repeats: timed turns.
        threads: of each form; the costs are those of PyTorch's own number, because with one thread
            it gives small batches of MVO another kernel.
    """
    for layout in STUDIES:
        yield from _against_ours(layout, size, repeats, threads)
    for layout in STUDIES:
        settings = ModelSettings(layout=layout)
        yield largest_costs(settings, Preprocessing(size=size), samples=1)
    mvo = Preprocessing(slices=1, phases=30, size=min(size, 64))
    yield largest_costs(ModelSettings(name="mvo_r2plus1d_bert"), mvo, MVO_SAMPLES)


def _against_ours(layout: Layout, size: int, repeats: int, threads: int) -> Iterator[Figure]:
    missing: set[Form] = set() if find_spec("tensorflow") else {"keras"}
    studies = STUDIES[layout]
    with ExitStack() as stack:
        forms: tuple[Form, ...] = ("ours", *FORMS)
        runs = {
            form: stack.enter_context(
                form_process(form, layout, size=size, studies=studies, threads=threads)
            )
            for form in forms
            if form not in missing
        }
        for which in PASSES:
            times = _medians_in_turn(runs, which, repeats)
            for form, words in FORMS.items():
                name = f"model.{layout}.{which}.{form.replace(' ', '_')}"
                what = (
                    f"ST-RAN, {layout}, {which}: {words}, over ours; {studies} x {size} x {size}, "
                    f"{threads} threads"
                )
                bar = AT_LEAST.get((layout, which, form))
                if form in missing:
                    why = "TensorFlow is not installed"
                    yield Figure.not_run(name, what, why, unit="x", at_least=bar)
                    continue
                yield Figure(
                    name,
                    what,
                    times[form] / times["ours"],
                    "x",
                    at_least=bar,
                    detail=f"CPU {times[form]:.2f} s / {times['ours']:.2f} s; both with the "
                    f"allocator as it comes {times[form] / times['default allocator']:.2f} x",
                )


def _medians_in_turn(
    runs: Mapping[Form, Callable[[Pass], float]], which: Pass, repeats: int
) -> dict[Form, float]:
    """Return the median of what each run says; one turn that does not count comes first."""
    turns = [{form: run(which) for form, run in runs.items()} for _ in range(repeats + 1)][1:]
    return {form: median(turn[form] for turn in turns) for form in runs}
