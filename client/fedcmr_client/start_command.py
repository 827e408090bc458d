"""`fedcmr-client start`: join the federation and train until told to stop."""

import logging
import os
from pathlib import Path
from typing import Annotated

import typer

from fedcmr.cli.lock import only_one
from fedcmr.cli.run import end_on_sigterm
from fedcmr.data.store import open_dataset
from fedcmr.federation.address import check_free
from fedcmr.settings import parse_settings
from fedcmr_client.keys import check_private
from fedcmr_client.settings import SiteFolder, SiteSettings, open_site

log = logging.getLogger("fedcmr")


def start_command(
    site: Annotated[
        Path, typer.Option(envvar="FEDCMR_SITE", help="The site's folder, with site.yaml.")
    ] = Path(),
    server: Annotated[
        str | None, typer.Option(envvar="FEDCMR_SERVER", help="host:port, instead of site.yaml's.")
    ] = None,
    dataset: Annotated[
        Path | None, typer.Option(envvar="FEDCMR_DATASET", help="Instead of site.yaml's.")
    ] = None,
    threads: Annotated[
        int | None, typer.Option(envvar="FEDCMR_THREADS", help="CPU threads.")
    ] = None,
    health: Annotated[
        str | None, typer.Option(envvar="FEDCMR_HEALTH", help="host:port of the health server.")
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Keep trying when the first connection fails.")
    ] = False,
) -> None:
    """Join the federation: train what this site's policy and people allow, send weights and counts.

    Outbound traffic only, to one port. A new run is shown and waits for `fedcmr-client approve`.
    Ends with 5 when the coordinator cannot be joined, with 6 when the privacy budget is used up.

    Example: fedcmr-client start --site /var/lib/fedcmr
    """
    end_on_sigterm(0)  # told to stop: that is how a service ends well
    folder = open_site(site)
    given = {
        "server": server,
        "dataset": dataset and dataset.absolute(),
        "threads": threads,
        "health": health,
    }
    changed = {key: value for key, value in given.items() if value is not None}
    data = folder.settings.model_dump() | changed
    folder = SiteFolder(folder.path, parse_settings(data, SiteSettings, where="options of start"))
    if folder.settings.health is not None:
        check_free(folder.settings.health)
    check_private(folder.pseudonym_key)
    open_dataset(folder.dataset)  # a wrong path ends here, before anything is sent
    with only_one(folder.lock):
        _work(folder, wait)


def _work(folder: SiteFolder, wait: bool) -> None:
    settings = folder.settings
    os.environ.setdefault("FLWR_TELEMETRY_ENABLED", "0")
    os.environ.setdefault("FLWR_DISABLE_UPDATE_CHECK", "1")
    # torch and Flower take seconds to import: `--help` and wrong settings need neither.
    import torch
    from flwr.supercore.grpc_health import run_health_server_grpc_no_tls

    from fedcmr_client.app import client_app
    from fedcmr_client.gate import site_of
    from fedcmr_client.worker import Worker

    logging.getLogger("flwr").setLevel(logging.WARNING)
    if settings.threads is not None:
        torch.set_num_threads(settings.threads)
    site = site_of(folder)
    app = client_app(site, lambda: open_dataset(folder.dataset))
    worker = Worker(settings.server, folder.ca, folder.site_key, app, site)
    health = run_health_server_grpc_no_tls(settings.health) if settings.health else None
    try:
        worker.work(wait=wait)
    finally:
        if health is not None:
            health.stop(grace=None)
