"""`fedcmr-server run`: serve one experiment from the first site to the signed release."""

import json
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fedcmr.cli.lock import only_one
from fedcmr.cli.say import say
from fedcmr.config import Experiment
from fedcmr.errors import PartialRun, UsageError
from fedcmr.federation.address import check_free
from fedcmr.settings import load_settings, parse_settings
from fedcmr_server.settings import ServerFolder, ServerSettings, open_server

if TYPE_CHECKING:
    from fedcmr_server.survey import Surveyed

log = logging.getLogger("fedcmr")


def run_command(
    experiment: Annotated[Path, typer.Argument(help="Experiment, a YAML file.")],
    state: Annotated[
        Path, typer.Option(envvar="FEDCMR_STATE", help="The coordinator's folder.")
    ] = Path(),
    health: Annotated[
        str | None, typer.Option(envvar="FEDCMR_HEALTH", help="host:port of the health server.")
    ] = None,
    survey: Annotated[
        bool, typer.Option("--survey", help="Only write a page of what the sites hold.")
    ] = False,
    leave_one_site_out: Annotated[
        bool,
        typer.Option(
            "--leave-one-site-out", help="Train without each site in turn too, evaluate on it."
        ),
    ] = False,
    compare: Annotated[
        list[str] | None,
        typer.Option(help="NAME=FOLDER of a model to compare on the same cases; repeatable."),
    ] = None,
    pretrained: Annotated[
        Path | None,
        typer.Option(help="Weights to begin with: torchvision's r2plus1d_18, a local file."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object at the end.")] = False,
) -> None:
    """Open the port, wait for the sites, train, evaluate, and write a signed release.

    After a crash the same command goes on with the round that was not finished. Ends with 7 when
    the run stayed below plan. With --survey nothing is trained, and sites whose data contradict
    the experiment are named.

    Example: fedcmr-server run configs/experiments/scar.yaml --state server
    """
    server = open_server(state)
    if health is not None:
        data = server.settings.model_dump() | {"health": health}
        server = ServerFolder(
            server.path, parse_settings(data, ServerSettings, where="options of run")
        )
    settings = load_settings(experiment, Experiment)
    references = _references(compare or [])
    if survey and (references or leave_one_site_out or pretrained):
        raise UsageError("--survey trains nothing", fix="give it alone")
    if server.settings.health is not None:
        check_free(server.settings.health)
    os.environ.setdefault("FLWR_TELEMETRY_ENABLED", "0")
    os.environ.setdefault("FLWR_DISABLE_UPDATE_CHECK", "1")
    # torch and Flower take seconds to import: `--help` and wrong settings need neither.
    from fedcmr_server.run import run_experiment, survey_sites

    logging.getLogger("flwr").setLevel(logging.WARNING)
    with only_one(server.lock):
        if survey:
            _tell(survey_sites(server, settings), as_json)
            return
        outcome = run_experiment(
            server,
            settings,
            references=references,
            leaves_out=leave_one_site_out,
            pretrained=pretrained,
        )
    if as_json:
        found = {"release": str(outcome.release), "partial": list(outcome.shortfalls)}
        typer.echo(json.dumps(found, indent=2))
    else:
        say(f"release: {outcome.release}")
        say(f"verify:  fedcmr verify {outcome.release} --key {server.public_key}")
    if outcome.shortfalls:
        raise PartialRun("the run stayed below plan: " + "; ".join(outcome.shortfalls))


def _tell(surveyed: "Surveyed", as_json: bool) -> None:
    lines = {name: [*found] for name, found in surveyed.contradictions.items()}
    if as_json:
        found = {"page": str(surveyed.page), "contradictions": lines, "missing": surveyed.missing}
        typer.echo(json.dumps(found, indent=2))
    else:
        say(f"survey: {surveyed.page}")
        for name, findings in lines.items():
            say(f"{name} contradicts the experiment: {'; '.join(findings)}")
    if surveyed.missing:
        missing = "; ".join(f"{name}: {reason}" for name, reason in surveyed.missing.items())
        raise PartialRun(f"not all sites were counted: {missing}")


def _references(given: list[str]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for option in given:
        name, equals, folder = option.partition("=")
        if not (name and equals and folder) or name in found:
            raise UsageError(f"--compare {option!r}", fix="give NAME=FOLDER, each name once")
        found[name] = Path(folder)
    return found
