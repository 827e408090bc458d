"""A whole run: open the port, train, evaluate, release."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml
from flwr.supercore.grpc_health import run_health_server_grpc_no_tls

from fedcmr.config import Experiment
from fedcmr.errors import ConfigurationError
from fedcmr.evaluation.metrics import metrics
from fedcmr.evaluation.sums import total
from fedcmr.release.bundle import write_release
from fedcmr_server.enrolment import NAME
from fedcmr_server.link import FleetLink
from fedcmr_server.listener import serve
from fedcmr_server.origin import provenance
from fedcmr_server.rounds import Rounds
from fedcmr_server.settings import ServerFolder
from fedcmr_server.state import RunState

log = logging.getLogger("fedcmr")


@dataclass(frozen=True)
class Outcome:
    """A finished run."""

    release: Path
    shortfalls: tuple[str, ...]
    """What stayed below plan; empty for a complete run."""


def run_experiment(server: ServerFolder, experiment: Experiment) -> Outcome:
    """Serve an experiment until its release is written.

    Raises:
        ConfigurationError: this experiment is finished already.
        NetworkError: the port cannot be opened.
        PartialRun: too few sites.
    """
    folder = server.run(experiment)
    release = folder / "release"
    if release.exists():
        raise ConfigurationError(
            "this experiment is finished",
            where=str(release),
            fix="change its name or a setting for a new run",
        )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "experiment.yaml").write_text(
        yaml.safe_dump(experiment.model_dump(mode="json"), sort_keys=False), encoding="utf-8"
    )
    host, _, port = server.settings.listen.rpartition(":")
    link = FleetLink()
    unreadable: set[Path] = set()
    with (
        _health(server.settings.health),
        serve(link, host, int(port), server.pki / "server.pem", server.pki / "server.key"),
        link.run(),
    ):
        log.info("listening on %s for experiment %s", server.settings.listen, experiment.name)
        log.info("sites approve it by its digest, %s", experiment.digest())
        rounds = Rounds(
            experiment, folder, link, lambda link: _admit(link, server.sites, unreadable)
        )
        rounds.train()
        rounds.report("evaluating")
        return _finish(rounds, release, server.signing_key)


def _finish(rounds: Rounds, release: Path, signing_key: Path) -> Outcome:
    rounds.gather_for_evaluation()
    weights, bins = rounds.selected, rounds.experiment.evaluation.bins
    validation = rounds.evaluate(weights, "validation")
    test = rounds.evaluate(weights, "test")
    shortfalls = tuple(_shortfalls(rounds.state, set(validation) & set(test)))
    results = metrics(
        total(validation.values(), bins=bins),
        total(test.values(), bins=bins),
        test,
        rounds.experiment.evaluation,
    )
    write_release(
        release,
        state=rounds.layout.unpack(weights),
        experiment=rounds.experiment,
        metrics=results,
        provenance=provenance(rounds.state, rounds.experiment, release.parent.name, shortfalls),
        signing_key=signing_key,
    )
    rounds.report("partial" if shortfalls else "finished", "; ".join(shortfalls))
    log.info("released %s", release)
    return Outcome(release, shortfalls)


def _shortfalls(state: RunState, evaluated: set[str]) -> Iterator[str]:
    for name in sorted(state.refused):
        yield f"{name} took no part"
    for name in sorted(state.cohorts):
        if missed := sum(name not in record.contributed for record in state.rounds):
            yield f"{name} missed {missed} rounds"
        if name not in evaluated:
            yield f"{name} was not evaluated"


@contextmanager
def _health(address: str | None) -> Iterator[None]:
    server = run_health_server_grpc_no_tls(address) if address else None
    try:
        yield
    finally:
        if server is not None:
            server.stop(grace=None)


def _admit(link: FleetLink, sites: Path, unreadable: set[Path]) -> None:
    for key in sorted(set(sites.glob("*.pub")) - unreadable):
        try:
            if not NAME.fullmatch(key.stem):
                raise ValueError
            link.admit(key.stem, key)
        except (OSError, ValueError):
            unreadable.add(key)
            log.warning("%s is not an enrolled key; use `fedcmr-server enrol`", key)
