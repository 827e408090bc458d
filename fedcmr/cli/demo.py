"""`fedcmr demo`: the whole story on one machine, with real processes and synthetic hearts."""

import json
import time
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console

from fedcmr.cli.demonstration import Demonstration
from fedcmr.cli.results import print_results
from fedcmr.drill.federation import free_port
from fedcmr.evaluation.results import Metrics


def demo_command(
    out: Annotated[Path, typer.Option(help="Folder to make.")] = Path("demo-out"),
    seed: Annotated[int, typer.Option(min=0, help="Seed of phantoms and training.")] = 0,
    sites: Annotated[int, typer.Option(min=2, max=16, help="Number of hospitals.")] = 3,
    task: Annotated[Literal["scar"], typer.Option(help="What to detect.")] = "scar",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object at the end.")] = False,
) -> None:
    """Show a whole federation on this machine: phantoms, sites, TLS, training, signed release.

    Example: fedcmr demo --seed 1 --out /tmp/demo
    """
    demo = Demonstration(out, seed, sites, Console(stderr=True, soft_wrap=True, highlight=False))
    demo.make_folder()
    experiment = demo.write_experiment(f"{task}_demo")
    demo.set_up(experiment, free_port())
    demo.say("coordinator and sites start, each a process of its own, TLS and keys on")
    release = demo.federate(experiment)
    key = demo.server / "signing" / "release.pub"
    demo.run("fedcmr", "verify", release, "--key", key)
    demo.say(f"release verified with {key}")
    found: dict[str, Any] = json.loads((release / "metrics.json").read_text(encoding="utf-8"))
    seconds = round(time.monotonic() - demo.start, 1)
    if as_json:
        summary = {"release": str(release), "seconds": seconds, "seed": seed, "metrics": found}
        Console(soft_wrap=True).print_json(json.dumps(summary))
        return
    provenance = json.loads((release / "provenance.json").read_text(encoding="utf-8"))
    rounds = len(provenance["history"])
    print_results(
        Metrics.model_validate(found),
        f"PHANTOM data: {rounds} rounds, {sites} sites, {seconds:.0f} s",
        release,
    )
