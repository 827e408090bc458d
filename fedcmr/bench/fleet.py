"""A coordinator and its sites as processes on this machine, over TLS; nobody trains."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median

import psutil
import yaml

from fedcmr.errors import CheckFailed

TINY = {"slices": 3, "phases": 4, "size": 16}
"""Preprocessing of the sites' few studies of noise."""


@dataclass(frozen=True)
class Stamp:
    """What had been spent when a round was over, its validation included; the first one before."""

    time: float
    cpu: float
    """Of the coordinator, seconds."""
    sites_cpu: float
    """Of all sites, seconds."""
    wire: int
    """Bytes that have gone over the loopback interface, whoever sent them."""
    bytes: int
    """Of the coordinator's memory."""
    peak: int
    """The most that ever were."""


@dataclass(frozen=True)
class Rounds:
    """Rounds of one fleet, the first one left out: sites connect in it."""

    parameters: int
    sites: int
    stamps: tuple[Stamp, ...]
    sent: float
    """Bytes that all sites sent in a round, by their ledgers: before HTTP and TLS."""
    idle_share: float
    """CPU of a waiting site over the time that it waited."""

    def _median(self, name: str) -> float:
        values: list[float] = [getattr(stamp, name) for stamp in self.stamps[1:]]
        return median(after - before for before, after in pairwise(values))

    @property
    def seconds(self) -> float:
        """Of a round, median."""
        return self._median("time")

    @property
    def cpu(self) -> float:
        """Seconds of a round, coordinator and all sites, median."""
        return self._median("cpu") + self._median("sites_cpu")

    @property
    def wire(self) -> float:
        """Bytes of a round on the wire, both ways, TLS and TCP included, median."""
        return self._median("wire")

    @property
    def models(self) -> float:
        """Peak of the coordinator above its rest, in models of float32."""
        return self.memory / (4 * self.parameters)

    @property
    def memory(self) -> int:
        """Peak of the coordinator above its rest, bytes."""
        return self.stamps[-1].peak - self.stamps[0].bytes


def run_rounds(
    folder: Path,
    *,
    parameters: int,
    sites: int,
    rounds: int,
    precision: str = "fp32",
    is_one_process: bool = False,
    idle_s: float = 0.0,
) -> Rounds:
    """Run a federation in an empty folder.

    Args:
        folder: for everything.
        parameters: of the weight vector.
        sites: how many.
        rounds: after a first one that does not count.
        precision: of the updates.
        is_one_process: all sites are threads of one process; otherwise each is a process.
        idle_s: for how long the CPU of the sites is watched before the last of them comes.

    Raises:
        CheckFailed: a process ended early.
    """
    names = [f"s{number:02d}" for number in range(sites)]
    groups = [names] if is_one_process else [[name] for name in names]
    with ExitStack() as stack:
        server = stack.enter_context(_coordinator(folder, parameters, sites, rounds + 1, precision))
        stamps = [_stamp(server, [], folder)]
        last = groups.pop() if idle_s else None
        running = [stack.enter_context(_site(folder, parameters, group)) for group in groups]
        idle = _idle(folder, running, names[:-1], idle_s) if last else 0.0
        if last:
            running.append(stack.enter_context(_site(folder, parameters, last)))
        while len(stamps) < rounds + 2:
            stamps.append(_stamp(server, running, folder))
        sent = sum(_sent(folder, name) for name in names) / (rounds + 1)
    return Rounds(parameters, sites, tuple(stamps), sent, idle)


def _stamp(
    server: "subprocess.Popen[str]", sites: Sequence["subprocess.Popen[str]"], folder: Path
) -> Stamp:
    assert server.stdout is not None
    line = server.stdout.readline()
    if not line:
        last = (folder / "server.log").read_text("utf-8").strip().splitlines()[-1:]
        raise CheckFailed(f"the coordinator ended: {' '.join(last)}")
    wire = psutil.net_io_counters(pernic=True)["lo"].bytes_sent
    return Stamp(**json.loads(line), sites_cpu=sum(_cpu(site) for site in sites), wire=wire)


def _cpu(process: "subprocess.Popen[str]") -> float:
    times = psutil.Process(process.pid).cpu_times()
    return float(times.user + times.system)


def _ledger(folder: Path, name: str) -> Path:
    return folder / "fed" / "at" / name / "ledger" / "outbound.jsonl"


def _sent(folder: Path, name: str) -> int:
    lines = _ledger(folder, name).read_text("utf-8").splitlines()
    return sum(json.loads(line).get("bytes", 0) for line in lines)


def _idle(
    folder: Path, sites: list["subprocess.Popen[str]"], names: list[str], seconds: float
) -> float:
    """Return the share of a core that a connected site takes while the others are away."""
    while not all(_ledger(folder, name).exists() for name in names):  # the handshake was answered
        time.sleep(0.1)
    time.sleep(1)
    start, before = time.monotonic(), sum(_cpu(site) for site in sites)
    time.sleep(seconds)
    spent = sum(_cpu(site) for site in sites) - before
    return spent / len(sites) / (time.monotonic() - start)


@contextmanager
def _coordinator(
    folder: Path, parameters: int, sites: int, rounds: int, precision: str
) -> Iterator["subprocess.Popen[str]"]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    (folder / "address").write_text(address, "ascii")
    federation = {
        "rounds": rounds,
        "quorum": sites,
        "select": "last",
        "update_precision": precision,
    }
    settings = {
        "name": "bench",
        "model": {"name": "t_cnn"},
        "preprocessing": TINY,
        "federation": federation,
    }
    (folder / "bench.yaml").write_text(yaml.safe_dump(settings), "utf-8")
    command = ["fedcmr_server.bench_run", folder / "bench.yaml", "--listen", address]
    with _process(folder, "server", command, parameters) as process:
        yield process


@contextmanager
def _site(folder: Path, parameters: int, names: Sequence[str]) -> Iterator["subprocess.Popen[str]"]:
    address = (folder / "address").read_text("ascii")
    command = ["fedcmr_client.bench_site", "--server", address, *names]
    with _process(folder, names[0], command, parameters) as process:
        yield process


@contextmanager
def _process(
    folder: Path, name: str, command: Sequence[object], parameters: int
) -> Iterator["subprocess.Popen[str]"]:
    environment = {
        "OMP_NUM_THREADS": "1",
        "FLWR_TELEMETRY_ENABLED": "0",
        "FLWR_DISABLE_UPDATE_CHECK": "1",
    }
    whole = [sys.executable, "-m", *map(str, command), "--federation", str(folder / "fed")]
    with (folder / f"{name}.log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            [*whole, "--parameters", str(parameters)],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=os.environ | environment,
        )
    try:
        yield process
    finally:
        process.terminate()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
