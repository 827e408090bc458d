"""`fedcmr-server run`: serve one experiment from the first site to the signed release."""

import json
import logging
import os
from pathlib import Path
from typing import Annotated

import typer

from fedcmr.cli.lock import only_one
from fedcmr.cli.say import say
from fedcmr.config import Experiment, load_settings, parse_settings
from fedcmr.errors import PartialRun
from fedcmr.federation.address import check_free
from fedcmr_server.settings import ServerFolder, ServerSettings, open_server

log = logging.getLogger("fedcmr")


def run_command(
    experiment: Annotated[Path, typer.Argument(help="Experiment, a YAML file.")],
    state: Annotated[
        Path, typer.Option(envvar="FEDCMR_STATE", help="The coordinator's folder.")
    ] = Path(),
    health: Annotated[
        str | None, typer.Option(envvar="FEDCMR_HEALTH", help="host:port of the health server.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object at the end.")] = False,
) -> None:
    """Open the port, wait for the sites, train, evaluate, and write a signed release.

    After a crash the same command goes on with the round that was not finished. Ends with 7 when
    the run stayed below plan.

    Example: fedcmr-server run configs/experiments/scar.yaml --state server
    """
    server = open_server(state)
    if health is not None:
        data = server.settings.model_dump() | {"health": health}
        server = ServerFolder(
            server.path, parse_settings(data, ServerSettings, where="options of run")
        )
    settings = load_settings(experiment, Experiment)
    if server.settings.health is not None:
        check_free(server.settings.health)
    os.environ.setdefault("FLWR_TELEMETRY_ENABLED", "0")
    os.environ.setdefault("FLWR_DISABLE_UPDATE_CHECK", "1")
    # torch and Flower take seconds to import: `--help` and wrong settings need neither.
    from fedcmr_server.run import run_experiment

    logging.getLogger("flwr").setLevel(logging.WARNING)
    with only_one(server.lock):
        outcome = run_experiment(server, settings)
    if as_json:
        found = {"release": str(outcome.release), "partial": list(outcome.shortfalls)}
        typer.echo(json.dumps(found, indent=2))
    else:
        say(f"release: {outcome.release}")
        say(f"verify:  fedcmr verify {outcome.release} --key {server.public_key}")
    if outcome.shortfalls:
        raise PartialRun("the run stayed below plan: " + "; ".join(outcome.shortfalls))
