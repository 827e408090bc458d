"""The rounds of a coordinator whose weights are any number of values, for `fedcmr bench`.

No command of a coordinator leads here: `python -m fedcmr_server.bench_run EXPERIMENT ...`. A
line of JSON at the start and after every round; no release is written.
"""

import json
import logging
import time
from pathlib import Path
from typing import Annotated

import torch
import typer
from torch import nn

from fedcmr.config import Experiment
from fedcmr.settings import load_settings
from fedcmr_server.pki import issue_server_certificate, make_authority
from fedcmr_server.rounds import Rounds
from fedcmr_server.run import serving
from fedcmr_server.settings import ServerFolder, ServerSettings


class Stamps(logging.Handler):
    """Tells when a round was over, validation included."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print a line."""
        if record.msg.startswith("round %d/%d:"):
            typer.echo(json.dumps(stamp()))


def stamp() -> dict[str, float]:
    """Return the time, the CPU seconds and bytes of this process, and the most bytes ever."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    found = {line.split()[0]: 1024 * int(line.split()[1]) for line in lines if line.endswith("kB")}
    return {
        "time": time.monotonic(),
        "cpu": time.process_time(),
        "bytes": found["VmRSS:"],
        "peak": found["VmHWM:"],
    }


def serve(
    experiment: Annotated[Path, typer.Argument(help="Rounds, quorum and name.")],
    federation: Annotated[Path, typer.Option(help="Folder, made here.")],
    listen: Annotated[str, typer.Option(help="host:port.")],
    parameters: Annotated[int, typer.Option(help="Of the weight vector.")],
) -> None:
    """Run the rounds."""
    logging.basicConfig(level=logging.INFO)
    for other in ("flwr", "httpx"):
        logging.getLogger(other).setLevel(logging.WARNING)
    logging.getLogger("fedcmr").addHandler(Stamps())
    server = ServerFolder(federation, ServerSettings(listen=listen))
    for folder in (server.pki, server.sites):
        folder.mkdir(parents=True)
    make_authority(server.pki)
    issue_server_certificate(server.pki, ["127.0.0.1"])
    settings = load_settings(experiment, Experiment)
    folder = server.run(settings)
    with serving(server, settings, folder) as (link, admit):
        typer.echo(json.dumps(stamp()))
        rounds = Rounds(settings, folder, link, admit, network=_network(parameters))
        rounds.train()


def _network(parameters: int) -> nn.Module:
    return nn.ParameterDict({"weights": torch.randn(parameters)})


if __name__ == "__main__":
    typer.run(serve)
