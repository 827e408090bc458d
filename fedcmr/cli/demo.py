"""`fedcmr demo`: the whole story on one machine, with real processes and synthetic hearts."""

import json
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from fedcmr.cli.baselines import train_baselines
from fedcmr.cli.budget import give_budgets, run_again
from fedcmr.cli.demonstration import Demonstration
from fedcmr.cli.results import print_results
from fedcmr.cli.say import say
from fedcmr.config import Experiment, TaskName
from fedcmr.drill.federation import call, free_port
from fedcmr.errors import UsageError
from fedcmr.evaluation.results import Metrics
from fedcmr.settings import load_settings


def demo_command(
    out: Annotated[Path, typer.Option(help="Folder to make.")] = Path("demo-out"),
    seed: Annotated[int, typer.Option(min=0, help="Seed of phantoms and training.")] = 0,
    sites: Annotated[int, typer.Option(min=2, max=16, help="Number of hospitals.")] = 3,
    task: Annotated[TaskName, typer.Option(help="What to detect.")] = "scar",
    baselines: Annotated[
        bool,
        typer.Option("--baselines", help="Compare with one model of all data and one per site."),
    ] = False,
    dp: Annotated[
        bool,
        typer.Option("--dp", help="Train under differential privacy, until a budget is spent."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object at the end.")] = False,
) -> None:
    """Show a whole federation on this machine: phantoms, sites, TLS, training, signed release.

    Example: fedcmr demo --seed 1 --out /tmp/demo
    """
    if dp and baselines:
        raise UsageError("--dp and --baselines are two demonstrations", fix="give one of them")
    if dp and task == "mvo":
        raise UsageError("--dp is a demonstration of the scar task", fix="leave --task out")
    demo = Demonstration(out, seed, sites, Console(stderr=True, soft_wrap=True, highlight=False))
    demo.make_folder()
    experiment = demo.write_experiment(f"{task}_dp" if dp else f"{task}_demo")
    settings = load_settings(experiment, Experiment)
    model, seen = settings.model, settings.preprocessing
    if model.width < 1:
        demo.say(
            f"reduced for this demonstration: {model.name} with {model.width} of its published "
            f"filters, {seen.phases} frames of {seen.size} pixels"
        )
    demo.set_up(experiment, free_port())
    if dp:
        give_budgets(demo, experiment)
    found = train_baselines(demo, experiment) if baselines else {}
    demo.say("coordinator and sites start, each a process of its own, TLS and keys on")
    compare = [part for name, path in found.items() for part in ("--compare", f"{name}={path}")]
    release = demo.federate(experiment, *compare).release
    key = demo.server / "signing" / "release.pub"
    call("fedcmr", "verify", release, "--key", key)
    demo.say(f"release verified with {key}")
    if dp:
        run_again(demo, experiment)
    _tell(demo, release, seen.samples, as_json)


def _tell(demo: Demonstration, release: Path, samples: str, as_json: bool) -> None:
    found: dict[str, Any] = json.loads((release / "metrics.json").read_text(encoding="utf-8"))
    provenance = json.loads((release / "provenance.json").read_text(encoding="utf-8"))
    seconds = round(time.monotonic() - demo.start, 1)
    if as_json:
        summary = {
            "release": str(release),
            "seconds": seconds,
            "seed": demo.seed,
            "counted": samples,
            "privacy": provenance["privacy"],
            "metrics": found,
        }
        Console(soft_wrap=True).print_json(json.dumps(summary))
        return
    rounds = len(provenance["history"])
    print_results(
        Metrics.model_validate(found),
        f"PHANTOM data, test {samples}: {rounds} rounds, {len(demo.names)} sites, {seconds:.0f} s",
        release,
    )
    if samples == "slices":
        say("slices of one patient count as independent: intervals are too narrow")
