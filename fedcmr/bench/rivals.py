"""Rounds of other frameworks as they are installed, in processes of their own; nobody trains."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import version
from importlib.util import find_spec
from itertools import pairwise
from statistics import median

from fedcmr.bench.figure import Figure
from fedcmr.errors import CheckFailed

LIMIT_S = 300.0

RIVALS = {
    "flwr": ("stock Flower, TLS", "fedcmr_server.bench_flower"),
    "nvflare": (
        "NVFlare's simulator, threads, no TLS, no evaluation",
        "fedcmr.bench.nvflare_rounds",
    ),
}
"""Package to what is run of it, and the module that runs it."""


def rivals(seconds: float, *, parameters: int, sites: int, rounds: int) -> Iterator[Figure]:
    """Yield what a round of each other framework takes, over what ours took in the same run.

    Args:
        seconds: of one of our rounds.
        parameters: of the weight vector.
        sites: that take part.
        rounds: timed, after a first one in which sites start.
    """
    for name, (what, module) in RIVALS.items():
        label = f"round of {what}, {parameters / 1e6:g} M parameters, {sites} sites, over ours"
        if find_spec(name) is None:
            yield Figure.not_run(f"round.{name}", label, f"{name} is not installed", unit="x")
            continue
        try:
            theirs = _seconds(module, parameters, sites, rounds)
        except CheckFailed as error:
            yield Figure.not_run(f"round.{name}", label, str(error), unit="x")
            continue
        detail = f"{name} {version(name)}: {theirs:.2f} s / {seconds:.2f} s"
        yield Figure(f"round.{name}", label, theirs / seconds, "x", detail=detail)


def _seconds(module: str, parameters: int, sites: int, rounds: int) -> float:
    """Return the median of a round.

    Raises:
        CheckFailed: it did not run to its end.
    """
    numbers = {"sites": sites, "rounds": rounds + 1, "parameters": parameters}
    options = [word for name, number in numbers.items() for word in (f"--{name}", str(number))]
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            [sys.executable, "-m", module, folder, *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            told, complaint = process.communicate(timeout=LIMIT_S)
        except subprocess.TimeoutExpired:
            raise CheckFailed(f"not done after {LIMIT_S:.0f} s") from None
        finally:
            process.terminate()  # it ends what it has started
            process.communicate()
    times: list[float] = [json.loads(line)["time"] for line in told.splitlines() if line[:1] == "{"]
    if process.returncode or len(times) < 3:
        raise CheckFailed(" ".join(complaint.strip().splitlines()[-1:]) or "it told no times")
    return median(after - before for before, after in pairwise(times[1:]))
