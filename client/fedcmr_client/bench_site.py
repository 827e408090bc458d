"""A site that answers at once, for `fedcmr bench`: the ordinary worker, without the training.

No command of a site leads here: `python -m fedcmr_client.bench_site --federation FOLDER ... a b`.
"""

import logging
import threading
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from torch import Tensor, nn

from fedcmr.cli.run import end_on_sigterm
from fedcmr.config import Experiment
from fedcmr.data.store import Dataset
from fedcmr.drill.noise import SMALL, noise_dataset
from fedcmr.privacy.policy import Policy
from fedcmr.settings import parse_json
from fedcmr.tasks.registry import task
from fedcmr.training.local import RoundResult
from fedcmr.types import FloatArray, Split
from fedcmr_client.app import client_app
from fedcmr_client.gate import Site, site_of
from fedcmr_client.keys import make_site_key
from fedcmr_client.round_store import Finished
from fedcmr_client.session import Session
from fedcmr_client.settings import SiteFolder, SiteSettings
from fedcmr_client.worker import Worker


class Weights(nn.Module):
    """Any number of parameters, one of which a prediction uses."""

    def __init__(self, parameters: int) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.zeros(parameters))

    def forward(self, cine: Tensor) -> Tensor:
        """Return logits (B,) for (B, Z, T, Y, X)."""
        return cine.flatten(1).mean(1) - 0.5 + self.weights[0]


class Untrained(Session):
    """A session whose rounds take no training: the update is the weights, a little longer."""

    def _trained(self, weights: FloatArray, round_number: int) -> Finished:
        # By a factor of its own: the store of the coordinator keeps equal updates once only.
        factor = np.float32(1 + 1e-3 * (int(self.dataset.digest()[:4], 16) / 2**16))
        examples = self.cohort().train
        return Finished(weights * factor, RoundResult(examples, 0, 0.0, 0.0), None)


def start(
    federation: Annotated[Path, typer.Option(help="Folder that `bench_run` made.")],
    server: Annotated[str, typer.Option(help="host:port.")],
    parameters: Annotated[int, typer.Option(help="Of the weight vector.")],
    names: Annotated[list[str], typer.Argument(help="Sites, a thread each.")],
) -> None:
    """Take part without training."""
    end_on_sigterm(0)
    logging.basicConfig(level=logging.INFO)
    for other in ("flwr", "httpx"):
        logging.getLogger(other).setLevel(logging.WARNING)
    torch.set_num_threads(1)
    workers = [_worker(federation, server, name, parameters) for name in names]
    for worker in workers[1:]:
        threading.Thread(target=worker.work, kwargs={"wait": True}, daemon=True).start()
    workers[0].work(wait=True)


def _worker(federation: Path, server: str, name: str, parameters: int) -> Worker:
    """Make a site beside the coordinator's files, enrol it there, and return its worker."""
    settings = SiteSettings(
        name=name, server=server, ca=federation / "pki" / "ca.pem", policy=Policy(approval="auto")
    )
    folder = SiteFolder(federation / "at" / name, settings)
    folder.path.mkdir(parents=True)
    splits: dict[Split, int] = {"train": 2, "validation": 2, "test": 2}
    dataset = noise_dataset(
        folder.dataset, name, splits=splits, seed=len(name), preprocessing=SMALL
    )
    key = make_site_key(folder.site_key)
    key.replace(federation / "sites" / key.with_stem(name).name)
    site = site_of(folder)

    def begin(experiment: str, contract: str, dataset: Dataset, site: Site) -> Untrained:
        settings = parse_json(experiment, Experiment, where="the coordinator's experiment")
        return Untrained(settings, site, dataset, Weights(parameters), task(settings.task))

    answer = client_app(site, lambda: dataset, begin)
    return Worker(server, folder.ca, folder.site_key, answer, site)


if __name__ == "__main__":
    typer.run(start)
