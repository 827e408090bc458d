"""`fedcmr bench`: what our choices gain, measured on this machine."""

import json
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

app = typer.Typer(no_args_is_help=True)


@app.callback()
def _bench() -> None:
    """Measure on this machine; variants take turns in one run."""


@app.command("model")
def model_command(
    size: Annotated[int, typer.Option(min=16, help="Side of the images, a multiple of 16.")] = 128,
    studies: Annotated[int, typer.Option(min=1, help="Studies in a batch.")] = 1,
    repeats: Annotated[int, typer.Option(min=1, help="Timed turns.")] = 3,
    threads: Annotated[int, typer.Option(min=0, help="Threads; 0: PyTorch's choice.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the measurements.")] = False,
) -> None:
    """Time ST-RAN against the naive reading of the paper and against Keras.

    Naive: contiguous tensors, frames and places folded and permuted for each convolution.

    Example: fedcmr bench model --size 64 --threads 1
    """
    import torch

    from fedcmr.bench.model import bench_model
    from fedcmr.errors import UsageError

    if size % 16:
        raise UsageError(f"--size {size} is not a multiple of 16", fix="give 48, 64 or 128")
    if threads:
        torch.set_num_threads(threads)
    result = bench_model(size=size, studies=studies, repeats=repeats)
    if as_json:
        typer.echo(json.dumps(result.to_json(), indent=2))
        return
    table = Table(
        "layout", "form", "forward s", "ratio", "forward and backward s", "ratio",
        title=f"ST-RAN, {result.size} x {result.size}, {result.studies} studies, {result.device}, "
        f"{result.threads} threads: seconds per study, median of {result.repeats}",
    )  # fmt: skip
    for row in result.timings:
        table.add_row(
            row.layout,
            row.form,
            f"{row.forward_s:.3f}",
            f"{row.forward_ratio:.2f}",
            f"{row.step_s:.3f}",
            f"{row.step_ratio:.2f}",
        )
    console = Console(highlight=False, soft_wrap=True)
    console.print(table)
    console.print("ratio: the form's time over ours")
    console.print(f"Keras: {result.keras}")
