"""`fedcmr bench`: what our choices gain, measured on this machine."""

import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from fedcmr.cli.say import say
from fedcmr.cli.shipped import shipped_experiment

if TYPE_CHECKING:
    from fedcmr.bench.figure import Figure
    from fedcmr.bench.report import Report

app = typer.Typer(no_args_is_help=True)

Out = Annotated[Path | None, typer.Option(help="Folder for the report, as JSON.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the report as one JSON object.")]


@app.callback()
def _bench() -> None:
    """Measure on this machine; variants take turns in one run."""


@app.command("model")
def model_command(
    size: Annotated[int, typer.Option(min=16, help="Side of the images, a multiple of 16.")] = 128,
    repeats: Annotated[int, typer.Option(min=1, help="Timed turns.")] = 3,
    threads: Annotated[int, typer.Option(min=1, help="Threads of each form.")] = 1,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Time ST-RAN against the naive reading of the paper and against Keras, in CPU time.

    Naive: contiguous tensors, frames and places folded and permuted for each convolution. Keras is
    run where TensorFlow is installed.

    Example: fedcmr bench model --size 64
    """
    from fedcmr.bench.model import bench_model

    _check_size(size)
    _report("model", lambda: bench_model(size=size, repeats=repeats, threads=threads), out, as_json)


@app.command("round")
def round_command(
    small: Annotated[int, typer.Option(min=1, help="Parameters of the small network.")] = 1_400_000,
    large: Annotated[int, typer.Option(min=1, help="Of the large one.")] = 44_000_000,
    rounds: Annotated[int, typer.Option(min=1, help="Timed rounds.")] = 3,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Time rounds without training: real processes on this machine, over TLS.

    Example: fedcmr bench round --large 14000000
    """
    from fedcmr.bench.round import bench_round

    _report("round", lambda: bench_round(small=small, large=large, rounds=rounds), out, as_json)


@app.command("scale")
def scale_command(
    largest: Annotated[
        int, typer.Option(min=14_000_001, help="Most parameters of a network.")
    ] = 176_000_000,
    rounds: Annotated[int, typer.Option(min=1, help="Timed rounds of each federation.")] = 2,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Fit how time, memory and bytes grow with sites, studies and parameters.

    Example: fedcmr bench scale --largest 44000000
    """
    from fedcmr.bench.scale import PARAMETERS, bench_scale

    sizes = sorted({size for size in PARAMETERS if size < largest} | {largest})
    _report("scale", lambda: bench_scale(parameters=sizes, rounds=rounds), out, as_json)


@app.command("gpu")
def gpu_command(
    repeats: Annotated[int, typer.Option(min=1, help="Timed steps of each form.")] = 10,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Time training steps on a GPU: time, memory and the share of the bandwidth floor.

    fp32, bf16, fp16, compiled and captured as a CUDA graph; all GPUs against one. The floor is what
    the layers must read and write over the bandwidth of a copy in the same run.

    Example: fedcmr bench gpu
    """
    from fedcmr.bench.gpu import bench_gpu

    _report("gpu", lambda: bench_gpu(repeats), out, as_json)


@app.command("ingest")
def ingest_command(
    dicom: Annotated[Path, typer.Argument(help="Folder of DICOM files.")],
    experiment: Annotated[
        Path | None, typer.Option(help="YAML whose preprocessing section is used.")
    ] = None,
    repeats: Annotated[int, typer.Option(min=1, help="Timed turns.")] = 3,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Time ingest against pydicom reading and decoding the same files, each in one process.

    Example: fedcmr bench ingest /export
    """
    from fedcmr.bench.ingest import SiteExport, bench_ingest
    from fedcmr.config import Experiment
    from fedcmr.settings import load_settings

    settings = load_settings(experiment or shipped_experiment("scar"), Experiment)
    exports = [SiteExport(dicom)]
    _report(
        "ingest",
        lambda: bench_ingest(exports, settings.preprocessing, repeats, "export"),
        out,
        as_json,
    )


@app.command("data")
def data_command(
    patients: Annotated[int, typer.Option(min=1, help="Phantoms of each kind of export.")] = 4,
    studies: Annotated[int, typer.Option(min=1, help="Studies before the first batch.")] = 2000,
    repeats: Annotated[int, typer.Option(min=1, help="Timed turns.")] = 3,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Time ingest, data in a training epoch and the first batch, and measure memory, on phantoms.

    Example: fedcmr bench data --patients 2
    """
    from fedcmr.bench.data import bench_data
    from fedcmr.config import Experiment
    from fedcmr.settings import load_settings

    scar, mvo = (load_settings(shipped_experiment(task), Experiment) for task in ("scar", "mvo"))
    _report(
        "data",
        lambda: bench_data(scar, mvo, patients=patients, studies=studies, repeats=repeats),
        out,
        as_json,
    )


@app.command("dp")
def dp_command(
    model: Annotated[str, typer.Option(help="Network, a name of `fedcmr models`.")] = "st_ran",
    size: Annotated[int, typer.Option(min=16, help="Side of the images, a multiple of 16.")] = 64,
    studies: Annotated[int, typer.Option(min=1, help="Studies in a step.")] = 4,
    repeats: Annotated[int, typer.Option(min=1, help="Timed turns.")] = 5,
    threads: Annotated[int, typer.Option(min=1, help="Of PyTorch.")] = 1,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Time ways to clip by patient, and their memory, against a step without privacy.

    Example: fedcmr bench dp --size 64
    """
    from fedcmr.bench.privacy import bench_privacy
    from fedcmr.network import ModelSettings
    from fedcmr.settings import parse_settings

    _check_size(size)
    name = parse_settings({"name": model}, ModelSettings, where="--model").name

    def measure() -> Iterable["Figure"]:
        return bench_privacy(
            name=name, size=size, studies=studies, repeats=repeats, threads=threads
        )

    _report("dp", measure, out, as_json)


@app.command("all")
def all_command(
    write: Annotated[
        Path | None, typer.Option(help="Page whose tables are replaced, docs/performance.md.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the reports, as JSON.")] = None,
) -> None:
    """Run every bench in turn, under 30 minutes on two cores, and say which bars are met.

    A bench that fails is told as such, with what it found before; the page is written after each.

    Example: fedcmr bench all --write docs/performance.md
    """
    from fedcmr.bench import suite

    if write is not None:
        suite.check_page(write)
    reports = {}
    for command, report in suite.run_all(suite.COMMANDS):
        say(f"fedcmr {command}, {report.seconds:.0f} s")
        _show(report)
        if out is not None:
            _save(out, command.split()[1], report)
        reports[command] = report
        if write is not None:
            suite.write_page(write, reports)


def _check_size(size: int) -> None:
    from fedcmr.errors import UsageError

    if size % 16:
        raise UsageError(f"--size {size} is not a multiple of 16", fix="give 48, 64 or 128")


def _report(
    name: str, measure: "Callable[[], Iterable[Figure]]", out: Path | None, as_json: bool
) -> None:
    """Measure, and print or save the report of one bench."""
    from fedcmr.bench.report import Report

    def tell(report: Report) -> None:
        if out is not None:
            _save(out, name, report)
        if as_json:
            typer.echo(json.dumps(report.to_json(), indent=2))
        else:
            _show(report)

    Report.tell(measure, tell)


def _save(folder: Path, name: str, report: "Report") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(report.to_json(), indent=2), encoding="utf-8")


def _show(report: "Report") -> None:
    machine = report.machine
    table = Table(
        "figure", "value", "bar", "", "",
        title=f"{machine.processor}, {machine.cores} cores, GPU: {machine.gpu}, "
        f"load {machine.load} at the start",
    )  # fmt: skip
    for figure in report.figures:
        row = figure.what, figure.measured, figure.bar, figure.verdict, figure.detail
        table.add_row(*map(escape, row))
    width = None if sys.stdout.isatty() else 240  # a file has room
    Console(highlight=False, soft_wrap=True, width=width).print(table)
