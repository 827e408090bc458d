"""`fedcmr drill`: what goes wrong in hospitals, done on purpose to real processes."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.table import Table

from fedcmr.cli.finite import finite
from fedcmr.cli.say import say
from fedcmr.errors import CheckFailed, UsageError

app = typer.Typer(no_args_is_help=True)

Out = Annotated[Path | None, typer.Option(help="Folder to keep; deleted after the drill without.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object at the end.")]


@app.callback()
def _drill() -> None:
    """Faults, cuts and hostile sites against a federation of real processes on this machine."""


@app.command("crash")
def crash_command(
    seeds: Annotated[int, typer.Option(min=1, help="Federations, one crash in each.")] = 20,
    local_epochs: Annotated[int, typer.Option(min=1, help="Longer rounds with more.")] = 8,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Kill a random process of each federation at a random moment and start it again.

    Ends with 1 unless every run finished with the weights of an undisturbed one, nothing lost and
    nothing done twice.

    Example: fedcmr drill crash --seeds 20
    """
    from fedcmr.drill.crash import CrashDrill

    with _folder(out) as folder:
        drill = CrashDrill(folder, local_epochs=local_epochs)
        crashes = drill.run(seeds, tell=_tell)
    summary = {
        "finished": sum(crash.finished for crash in crashes),
        "rounds lost": sum(crash.lost for crash in crashes),
        "done twice": sum(crash.twice for crash in crashes),
        "same weights": sum(crash.identical for crash in crashes),
    }
    if as_json:
        typer.echo(json.dumps({**summary, "crashes": [asdict(c) for c in crashes]}, indent=2))
    else:
        say(f"{len(crashes)} crashes: " + ", ".join(f"{k}: {v}" for k, v in summary.items()))
    if not all(crash.passed for crash in crashes):
        raise CheckFailed("a crash cost something", fix="give --out and read its logs")


@app.command("disk")
def disk_command(out: Out = None, as_json: AsJson = False) -> None:
    """Let weights no longer be written, at the coordinator and at a site; then mend it.

    Ends with 1 unless there was one clear line, and the run finished as an undisturbed one.

    Example: fedcmr drill disk
    """
    from fedcmr.drill.crash import CrashDrill
    from fedcmr.drill.disk import fill_disks, outcome

    with _folder(out) as folder:
        found = fill_disks(CrashDrill(folder, local_epochs=1), tell=_tell)
    if as_json:
        typer.echo(json.dumps([asdict(full) for full in found], indent=2))
    else:
        for full in found:
            say(f"{full.victim}: {outcome(full)}")
    if not all(full.passed for full in found):
        raise CheckFailed("a full disk cost something", fix="give --out and read its logs")


@app.command("network")
def network_command(
    cuts: Annotated[
        list[float] | None,
        typer.Option("--cut", min=0, callback=finite, help="Seconds; may be given several times."),
    ] = None,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Start one of seven sites late, take one away for a round, then cut off all of them.

    Ends with 1 unless every site is accounted for in the release, and every cut shorter than the
    deadline of its round cost nothing.

    Example: fedcmr drill network --cut 1 --cut 60
    """
    from fedcmr.drill.network import NetworkDrill, attendance_line

    with _folder(out) as folder:
        drill = NetworkDrill(folder)
        with drill.open():
            sites = drill.attendance()
            for site in sites:
                _tell(attendance_line(site))
            outages = drill.cuts(cuts or [], tell=_tell)
    accounted = sum(site.accounted for site in sites)
    if as_json:
        found = {
            "accounted": accounted,
            "sites": [asdict(site) for site in sites],
            "cuts": [asdict(cut) for cut in outages],
        }
        typer.echo(json.dumps(found, indent=2))
    else:
        say(f"{accounted} of {len(sites)} sites accounted for in the release")
    if accounted < len(sites) or any(cut.missed or not cut.identical for cut in outages):
        raise CheckFailed("the network cost something", fix="give --out and read its logs")


@app.command("poison")
def poison_command(
    attacks: Annotated[
        list[str] | None,
        typer.Option("--attack", help="Of sign_flip, scaling, noise, label_flip, nan; all without"),
    ] = None,
    data: Annotated[
        Literal["phantom", "noise"], typer.Option(help="noise: easy and quick, no DICOM.")
    ] = "phantom",
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Let one of five sites send falsified updates, with defences off and on; print the AUC.

    Ends with 1 unless, with defences on, every attack costs at most 0.03 and the site is named, and
    the AUC without an attack is 0.7 or more.

    Example: fedcmr drill poison
    """
    from fedcmr.drill.poison import ATTACKS, PoisonDrill

    chosen = tuple(name for name in ATTACKS if not attacks or name in (*attacks, "none"))
    if unknown := set(attacks or ()) - set(ATTACKS):
        raise UsageError(f"no attack {sorted(unknown)[0]!r}", fix=f"one of {', '.join(ATTACKS)}")
    with _folder(out) as folder:
        drill = PoisonDrill(folder, data)
        drill.prepare()
        outcomes = drill.run(chosen, tell=_tell)
    clean = next(it.auc for it in outcomes if it.attack == "none") or 0.0
    failed = [it for it in outcomes if not it.passed(clean)]
    if as_json:
        typer.echo(json.dumps([asdict(it) for it in outcomes], indent=2))
    else:
        columns = ("AUC, defences off", "loss", "AUC, defences on", "loss", "named")
        table = Table("attack", *columns)
        for off, on in zip(outcomes[::2], outcomes[1::2], strict=True):
            cells = (*_area(off.auc, clean), *_area(on.auc, clean), ", ".join(on.named))
            table.add_row(off.attack, *cells)
        Console(highlight=False, soft_wrap=True).print(table)
    if failed:
        what = failed[0].attack
        raise CheckFailed(
            "nothing was learnt without an attack, so that none could cost anything"
            if what == "none"
            else f"the defences did not hold against {what}"
        )


def _area(value: float | None, clean: float) -> tuple[str, str]:
    return ("no release", "") if value is None else (f"{value:.3f}", f"{clean - value:.3f}")


@app.command("soak")
def soak_command(
    sites: Annotated[int, typer.Option(min=2, help="Sites, a process each.")] = 10,
    rounds: Annotated[int, typer.Option(min=10, help="Rounds.")] = 50,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Run many sites for many rounds; memory, handles, threads, processes and disk must be flat.

    Ends with 1 unless the second half of the rounds shows, with 95 % confidence, that the memory of
    the coordinator and of a site, on average, grows by at most 100 kB a round, and disk, besides
    the ledgers, by at most 2 kB a round and site.

    Example: fedcmr drill soak --sites 10 --rounds 50
    """
    from fedcmr.drill.soak import ALL_SITES, Slope, later, soak

    with _folder(out) as folder:
        found = soak(folder, sites, rounds, tell=_tell)
    disk, ledgers = Slope.of(later(found.disk_kb)), Slope.of(later(found.ledgers_kb))
    site = found.memory_kb()[ALL_SITES]
    if as_json:
        held = [{**asdict(it), "slope_kb": asdict(it.slope_kb)} for it in found.held]
        slopes = {
            "site_slope_kb": asdict(site),
            "disk_slope_kb": asdict(disk),
            "ledgers_slope_kb": asdict(ledgers),
        }
        typer.echo(json.dumps({"rounds": rounds, "held": held, **slopes}, indent=2))
    else:
        table = Table("process", "MB", "kB per round (95 %)", "handles", "threads", "children")
        for it in found.held:
            half = rounds // 2
            counts = [f"{c[half]} to {c[-1]}" for c in (it.handles, it.threads, it.children)]
            memory = f"{it.memory_mb[half]:.0f} to {it.memory_mb[-1]:.0f}"
            table.add_row(it.process, memory, str(it.slope_kb), *counts)
        Console(highlight=False, soft_wrap=True).print(table)
        say(f"memory of {ALL_SITES}, on average: {site} kB per round")
        say(f"disk: {found.disk_kb[-1]:.0f} kB, {disk} kB per round")
        say(f"ledgers: {found.ledgers_kb[-1]:.0f} kB, {ledgers} kB per round, as they keep all")
    if growing := found.growing():
        raise CheckFailed(f"not shown to be flat: {', '.join(growing)}", fix="run more rounds")


@contextmanager
def _folder(out: Path | None) -> Iterator[Path]:
    if out is not None:
        out.mkdir(parents=True)
        yield out.absolute()
        return
    with tempfile.TemporaryDirectory(prefix="fedcmr-drill-") as folder:
        yield Path(folder)


def _tell(line: str) -> None:
    say(line, stderr=True)
