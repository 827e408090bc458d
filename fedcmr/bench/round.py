"""What a round costs besides its training, for a small and a large network."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from fedcmr.bench.figure import Figure
from fedcmr.bench.fleet import Rounds, run_rounds
from fedcmr.bench.rivals import rivals

SMALL, LARGE = 1_400_000, 44_000_000
BARS = {SMALL: 1.5, LARGE: 4.0}
"""Seconds of a round, three sites."""
SITES, MANY = 3, 16
FLAT = 1.15
"""Memory of many sites over that of few, with what `scale.NOISE` allows a constant."""
IDLE_S = 20.0


def bench_round(*, small: int = SMALL, large: int = LARGE, rounds: int = 3) -> Iterator[Figure]:
    """Yield the figures.

    Args:
        small: parameters of the small network.
        large: of the large one.
        rounds: timed, each federation has one more.
    """
    fast = _run(small, SITES, rounds, idle_s=IDLE_S)
    yield _seconds("round.small", fast, BARS[SMALL])
    yield Figure(
        "round.idle",
        "CPU of a waiting site, share of a core",
        100 * fast.idle_share,
        "%",
        at_most=1.0,
        detail=f"over {IDLE_S:.0f} s",
    )
    slow = _run(large, SITES, rounds)
    yield _seconds("round.large", slow, BARS[LARGE])
    yield _memory("round.memory", slow, "3 sites, a process each")
    many = _run(large, MANY, 1, is_one_process=True)
    yield _memory("round.memory.many", many, f"{MANY} sites, threads of one process")
    yield Figure(
        "round.memory.growth",
        f"that peak with {MANY} sites over that with {SITES}",
        many.memory / slow.memory,
        "x",
        at_most=FLAT,
        detail=f"{many.memory / 1e6:.0f} MB / {slow.memory / 1e6:.0f} MB",
    )
    for precision in ("fp16", "int8"):
        short = _run(small, SITES, rounds, precision=precision)
        yield _seconds(f"round.small.{precision}", short, None, f", updates in {precision}")
    yield from rivals(fast.seconds, parameters=small, sites=SITES, rounds=2)


def _run(
    parameters: int,
    sites: int,
    rounds: int,
    *,
    precision: str = "fp32",
    is_one_process: bool = False,
    idle_s: float = 0.0,
) -> Rounds:
    with tempfile.TemporaryDirectory() as folder:
        return run_rounds(
            Path(folder),
            parameters=parameters,
            sites=sites,
            rounds=rounds,
            precision=precision,
            is_one_process=is_one_process,
            idle_s=idle_s,
        )


def _seconds(name: str, run: Rounds, bar: float | None, more: str = "") -> Figure:
    what = f"round of {run.parameters / 1e6:g} M parameters, {run.sites} sites{more}"
    sent = run.sent / run.sites / 1e6
    detail = (
        f"CPU of all {1 + run.sites} processes {run.cpu:.2f} s; a site's update is {sent:.2f} MB, "
        f"on the wire {run.wire / 1e6:.2f} MB both ways"
    )
    return Figure(name, what, run.seconds, "s", at_most=bar, detail=detail)


def _memory(name: str, run: Rounds, sites: str) -> Figure:
    what = f"peak of the coordinator above its rest, models of {run.parameters / 1e6:g} M, {sites}"
    return Figure(name, what, run.models, "x", at_most=4.0, detail=f"{run.memory / 1e6:.0f} MB")
