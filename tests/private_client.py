"""A client in private training, to be killed: the real worker, application, ledgers and trainer;
only the network is a folder.

Its command is always the same. It asks itself for the round that the folder lacks, and notes in a
file, a line each, what it is about to do and what it has done; the lines outlive a kill.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
import torch._dynamo  # the first optimiser of every life would import it
from fedcmr_client.app import client_app
from fedcmr_client.gate import Gate, Site
from fedcmr_client.keys import make_site_key
from fedcmr_client.packed import Packed
from fedcmr_client.round_store import RoundStore
from fedcmr_client.worker import Worker
from flwr.app import Message
from site_files import PRIVATE, accept, make_site, opened, question, start

from fedcmr.config import Experiment
from fedcmr.data.store import open_dataset
from fedcmr.durable import write_atomically
from fedcmr.federation import messages as wire
from fedcmr.training import round_state
from fedcmr.training.private import PrivateTrainer

ROUNDS = 10
EXPERIMENT = Experiment.model_validate(
    {
        **PRIVATE.model_dump(),
        "model": {"name": "t_cnn"},
        "training": {"batch_size": 2, "learning_rate": 1e-3, "local_epochs": 6},
        "federation": {"rounds": ROUNDS, "quorum": 1, "select": "last"},
        "privacy": {"mechanism": "dp_sgd", "noise_multiplier": 1.0, "accountant": "rdp"}
        | {"secure_random": False},
    }
)

Told: TypeAlias = Callable[..., tuple[object, ...]]
"""What is noted of a call, from its arguments."""


class Folder:
    """Stands for the connection: questions come from what is there, answers go there."""

    node_id = 1

    def __init__(self, path: Path, first: np.ndarray, done: Callable[[], None]) -> None:
        self._path = path
        self._first = first
        self._done = done

    def received(self) -> int:
        """Return how many rounds have arrived."""
        return len(list(self._path.glob("round-*.npy")))

    def receive(self) -> Message | None:
        """Ask for the round that is lacking."""
        number = self.received() + 1
        if number > ROUNDS:
            self._done()
            return None
        before = self._path / f"round-{number - 1}.npy"
        weights = np.frombuffer(before.read_bytes(), np.float32) if number > 1 else self._first
        return question("train", EXPERIMENT, weights, **{wire.ROUND: number})

    def send(self, reply: Packed, seconds: float) -> None:
        """Take an answer in."""
        [message] = [item for item in reply.objects.values() if isinstance(item, Message)]
        weights = message.content.array_records[wire.ARRAYS][wire.WEIGHTS].numpy()
        path = self._path / f"round-{self.received() + 1}.npy"
        write_atomically(path, weights.astype(np.float32).tobytes())

    def bundle_hash(self, run_id: int) -> str:
        """No run brings code."""
        return ""


def work(path: Path, notes: Path) -> None:
    """Be the client until all rounds have arrived, or a kill."""
    torch.set_num_threads(1)
    round_state.LEAST_PAUSE_S, round_state.SHARE = 0.0, 1e9  # a step is worth a file here
    file = os.open(notes, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def tell(*words: object) -> None:
        os.write(file, (" ".join(map(str, words)) + "\n").encode())

    def wrap(owner: type, name: str, before: Told, after: Told) -> None:
        real = getattr(owner, name)

        def told(self: Any, *arguments: Any, **settings: Any) -> Any:
            tell(*before(self, *arguments))
            result = real(self, *arguments, **settings)
            tell(*after(self, *arguments))
            return result

        setattr(owner, name, told)

    wrap(Gate, "pay", lambda _, number: ("paying", number), lambda _, number: ("paid", number))
    wrap(RoundStore, "begin", lambda *_: ("beginning",), lambda *_: ("begun",))
    wrap(PrivateTrainer, "_update", lambda it: ("step", it.step), lambda it: ("stepped",))
    wrap(RoundStore, "finish", lambda *_: ("finishing",), lambda *_: ("finished",))
    wrap(Folder, "send", lambda *_: ("sending",), lambda *_: ("sent",))
    folder = make_site(path)
    site: Site = opened(folder)
    key = path / "site_key"
    if not key.exists():
        make_site_key(key)
    app = client_app(site, lambda: open_dataset(folder.dataset))
    worker = Worker("localhost:1", path / "no.pem", key, app, site)
    torch.manual_seed(0)
    first = start(accept(folder, EXPERIMENT))
    worker._serve(Folder(path, first, worker.stop.set))  # type: ignore[arg-type]  # a folder
