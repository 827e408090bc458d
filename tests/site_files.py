"""A site in a folder, and questions to its application without a network."""

import datetime as dt
import io
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from fedcmr_client.gate import Site, site_of
from fedcmr_client.session import Session, open_session
from fedcmr_client.settings import SiteFolder, SiteSettings
from fedcmr_server.link import FleetLink
from fedcmr_server.reply import Reply
from flwr.app import Array, ArrayRecord, ConfigRecord, Message, RecordDict
from flwr.supercore.task_identity import TaskIdentity

from fedcmr.config import Experiment
from fedcmr.data.store import open_dataset
from fedcmr.drill.noise import SMALL, noise_dataset
from fedcmr.federation import messages as wire
from fedcmr.federation.contract import contract
from fedcmr.privacy.policy import Policy

SETTINGS: dict[str, Any] = {
    "name": "test",
    "model": {"name": "t_cnn"},
    "preprocessing": SMALL.model_dump(),
    "training": {"batch_size": 2, "learning_rate": 1e-3},
    "federation": {"rounds": 2, "quorum": 1},
}
EXPERIMENT = Experiment.model_validate(SETTINGS)
PRIVATE = Experiment.model_validate(
    {
        **SETTINGS,
        "name": "private",
        "federation": {"rounds": 2, "quorum": 1, "select": "last"},
        "privacy": {"mechanism": "dp_sgd", "noise_multiplier": 1.0},
    }
)
SPLITS = {"train": 4, "validation": 2, "test": 3}
AUTO = Policy(approval="auto")
TODAY = dt.date(2026, 6, 1)


def make_site(path: Path, policy: Policy = AUTO, **settings: Any) -> SiteFolder:
    """Write a data set of noise into a site's folder, once."""
    given = SiteSettings(name="one", server="localhost:8443", policy=policy, **settings)
    if not (path / "dataset").exists():
        noise_dataset(path / "dataset", "a", splits=SPLITS, seed=0, preprocessing=SMALL)
    return SiteFolder(path, given)


def opened(folder: SiteFolder, today: dt.date = TODAY) -> Site:
    """Open the ledgers of a site on a made-up day."""
    return replace(site_of(folder), today=lambda: today)


def accept(folder: SiteFolder, experiment: Experiment = EXPERIMENT) -> Session:
    """Open a session as a started client does."""
    agreed = contract(experiment).canonical_json()
    site = opened(folder)
    return open_session(experiment.canonical_json(), agreed, open_dataset(folder.dataset), site)


def start(session: Session) -> np.ndarray:
    """The session's own initial weights, (P,)."""
    return session.layout.pack(session.model.state_dict())


def question(
    kind: str,
    experiment: Experiment = EXPERIMENT,
    weights: np.ndarray | None = None,
    **more: str | int,
) -> Message:
    """A coordinator's message."""
    config: Mapping[str, Any] = {
        wire.EXPERIMENT: experiment.canonical_json(),
        wire.CONTRACT: contract(experiment).canonical_json(),
        **more,
    }
    content = RecordDict({wire.CONFIG: ConfigRecord({**config})})
    if weights is not None:
        content[wire.ARRAYS] = ArrayRecord({wire.WEIGHTS: Array(weights)})
    TaskIdentity.run_id = TaskIdentity.node_id = TaskIdentity.task_id = 1
    return Message(content, 1, kind)


def exchange(link: FleetLink, content: RecordDict, kind: str = "train") -> Reply:
    """Send a message to site `one` and wait for its reply."""
    sent = link.send("one", link.keep(content), kind, ttl_s=60)
    deadline = time.monotonic() + 30
    while (reply := link.answer(sent)) is None:
        assert time.monotonic() < deadline, "no reply"
        time.sleep(0.01)
    return reply


def received(reply: Reply) -> np.ndarray:
    """Return the weights of a reply."""
    array = reply.content().array_records[wire.ARRAYS][wire.WEIGHTS]
    return np.load(io.BytesIO(b"".join(bytes(part.data) for part in reply.data(array))))
