"""A whole run: open the port, train, evaluate, release."""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import yaml
from flwr.supercore.grpc_health import run_health_server_grpc_no_tls

from fedcmr.config import Experiment
from fedcmr.errors import ConfigurationError
from fedcmr_server.admission import Admission
from fedcmr_server.disk import writing
from fedcmr_server.leave_out import leave_one_out
from fedcmr_server.link import FleetLink
from fedcmr_server.listener import serve
from fedcmr_server.memory import keep_what_is_loaded, return_freed_memory
from fedcmr_server.reference import load_reference
from fedcmr_server.rounds import Rounds
from fedcmr_server.settings import ServerFolder

if TYPE_CHECKING:
    from fedcmr_server.finish import Outcome
    from fedcmr_server.survey import Surveyed

log = logging.getLogger("fedcmr")

Admit = Callable[[FleetLink], None]


def run_experiment(
    server: ServerFolder,
    experiment: Experiment,
    *,
    references: Mapping[str, Path],
    leaves_out: bool = False,
    pretrained: Path | None = None,
) -> "Outcome":
    """Serve an experiment until its release is written.

    Args:
        server: the coordinator.
        experiment: to run.
        references: name to folder of models to compare with on the same cases.
        leaves_out: train without each site in turn as well, and evaluate on it.
        pretrained: file of weights for the backbone to begin with.

    Raises:
        ConfigurationError: this experiment is finished already, or the pretrained weights do not
            fit it.
        NetworkError: the port cannot be opened.
        PartialRun: too few sites.
        DataError: the checkpoint is damaged, a reference cannot be used, or the disk is full.
    """
    folder = server.run(experiment)
    release = folder / "release"
    if release.exists():
        raise ConfigurationError(
            "this experiment is finished",
            where=str(release),
            fix="change its name or a setting for a new run",
        )
    with serving(server, experiment, folder) as (link, admit):
        rounds = Rounds(experiment, folder, link, admit, pretrained=pretrained)
        others = {name: load_reference(path, rounds.layout) for name, path in references.items()}
        rounds.train()
        left_out = leave_one_out(rounds, folder) if leaves_out else {}
        from fedcmr_server.finish import finish  # with its figures, which take a second

        return finish(rounds, release, server.signing_key, others=others, left_out=left_out)


def survey_sites(server: ServerFolder, experiment: Experiment) -> "Surveyed":
    """Serve an experiment until its survey is written; nothing is trained.

    Raises:
        NetworkError: the port cannot be opened.
        PartialRun: too few sites.
        DataError: the disk is full.
    """
    from fedcmr_server.survey import survey

    folder = server.run(experiment)
    with serving(server, experiment, folder) as (link, admit):
        return survey(Rounds(experiment, folder, link, admit), experiment, folder)


@contextmanager
def serving(
    server: ServerFolder, experiment: Experiment, folder: Path
) -> Iterator[tuple[FleetLink, Admit]]:
    """Listen for sites while the context is open; what is needed of the folder is made.

    Raises:
        NetworkError: the port cannot be opened.
        DataError: the disk is full.
    """
    return_freed_memory()
    with writing(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / "experiment.yaml").write_text(
            yaml.safe_dump(experiment.model_dump(mode="json"), sort_keys=False), encoding="utf-8"
        )
        link = FleetLink(folder / "objects")
    host, _, port = server.settings.listen.rpartition(":")
    with (
        _health(server.settings.health),
        serve(link, host, int(port), server.pki / "server.pem", server.pki / "server.key"),
        link.run(),
    ):
        log.info("listening on %s for experiment %s", server.settings.listen, experiment.name)
        log.info("sites approve it by its digest, %s", experiment.digest())
        keep_what_is_loaded()
        yield link, Admission(server.sites)


@contextmanager
def _health(address: str | None) -> Iterator[None]:
    server = run_health_server_grpc_no_tls(address) if address else None
    try:
        yield
    finally:
        if server is not None:
            server.stop(grace=None)
