"""Sites that are functions of a message: the rounds run against them without a network."""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from case_files import EDGES, level
from fedcmr_server.parcel import Sent
from fedcmr_server.reply import Part, Reply
from flwr.app import Array, ArrayRecord, ConfigRecord, MetricRecord, RecordDict

from fedcmr.config import Experiment
from fedcmr.evaluation.calibration import calibration_sums
from fedcmr.evaluation.joint import collect_joint
from fedcmr.evaluation.sums import collect
from fedcmr.federation import messages as wire
from fedcmr.federation.cohort import Cohort
from fedcmr.federation.parts import sliced

Site = Callable[[str, RecordDict], RecordDict | str | None]
"""Kind and content of a message to the reply, a refusal, or None for silence."""

LEVEL = level()


def experiment(**federation: object) -> Experiment:
    """A tiny experiment of three rounds."""
    settings = {"rounds": 3, "quorum": 2, "site_wait_s": 0.2, "round_deadline_s": 5} | federation
    return Experiment.model_validate(
        {
            "name": "test",
            "model": {"name": "t_cnn"},
            "preprocessing": {"size": 16, "phases": 4, "slices": 3},
            "federation": settings,
        }
    )


def data(array: Array) -> Iterator[Part]:
    """The data of an array in parts of odd size, in no file."""
    return (Part(part) for [part] in sliced(array.data, size=1001))


def arrays(vectors: Mapping[str, np.ndarray]) -> ArrayRecord:
    """As Shelf, with the data."""
    return ArrayRecord({name: Array(values) for name, values in vectors.items()})


class FunctionLink:
    """The link to sites that are functions."""

    def __init__(self, sites: Mapping[str, Site]) -> None:
        self.sites = dict(sites)
        self.away: set[str] = set()
        self.connections: dict[str, int] = {}
        received = SimpleNamespace(keep=Path.unlink)
        self.objects = SimpleNamespace(largest_message=0, received=received)
        self.shelf = SimpleNamespace(arrays=arrays)
        self.withdrawn: dict[str, str] = {}
        self._asked: dict[str, tuple[str, RecordDict]] = {}
        self.sent: list[tuple[str, str]] = []
        """Site and kind of every message."""

    def enrolled(self) -> list[str]:
        """As FleetLink."""
        return sorted(self.sites)

    def online(self) -> list[str]:
        """As FleetLink."""
        return sorted(set(self.sites) - self.away)

    def connection(self, name: str) -> int:
        """As FleetLink."""
        return self.connections.get(name, 1)

    def reconnect(self, name: str) -> None:
        """Let a site come back."""
        self.away.discard(name)
        self.connections[name] = self.connection(name) + 1

    def keep(self, content: RecordDict) -> RecordDict:
        """As FleetLink; the parcel is the content."""
        return content

    def drop(self, parcel: RecordDict) -> None:
        """As FleetLink."""

    def send(self, name: str, parcel: RecordDict, kind: str, *, ttl_s: float) -> Sent:
        """As FleetLink; the site answers later."""
        self.sent.append((name, kind))
        message_id = str(len(self.sent))
        self._asked[message_id] = kind, parcel
        return Sent(name, self.connection(name), message_id)

    def answer(self, sent: Sent) -> Reply | None:
        """As FleetLink; the site answers when it is looked for."""
        found = self.sites[sent.name](*self._asked[sent.message_id])
        if isinstance(found, str):
            return Reply(refusal=found)
        return None if found is None else Reply(found, data=data)

    def forget(self, sent: Sent) -> None:
        """As FleetLink."""
        self._asked.pop(sent.message_id, None)


def sums(content: RecordDict, score: float) -> str:
    """The sums that are asked for, over a negative case of score 1 - s and a positive of s."""
    config, labels, scores = content.config_records[wire.CONFIG], [0, 1], [1 - score, score]
    edges = json.loads(str(config[wire.EDGES])) if wire.EDGES in config else EDGES
    if wire.CALIBRATE in config:
        line = json.loads(str(config[wire.CALIBRATE]))
        return calibration_sums(labels, scores, *line).canonical_json()
    if wire.OTHER in content.array_records[wire.ARRAYS]:
        pair = (edges, json.loads(str(config[wire.OTHER_EDGES])))
        return collect_joint(labels, scores, [0.2, 0.6], edges=pair).to_json()
    return collect(labels, scores, [LEVEL, LEVEL], edges=edges).to_json()


def site(
    examples: int,
    change: Callable[[np.ndarray], np.ndarray],
    score: float = 0.9,
    **cohort: object,
) -> Site:
    """A site whose update is a function of the weights and whose two cases score the same."""

    def answer(kind: str, content: RecordDict) -> RecordDict:
        if kind == wire.HANDSHAKE:
            told = Cohort.model_validate(
                {"train": examples, "validation": 2, "test": 2, "phantom": True} | cohort
            )
            return RecordDict({wire.ANSWER: ConfigRecord({wire.COHORT: told.canonical_json()})})
        vector = content.array_records[wire.ARRAYS][wire.WEIGHTS].numpy()
        if kind == wire.EVALUATE:
            return RecordDict({wire.ANSWER: ConfigRecord({wire.SUMS: sums(content, score)})})
        arrays = ArrayRecord({wire.WEIGHTS: Array(change(vector))})
        metrics = {wire.EXAMPLES: examples, wire.STEPS: 1, wire.LOSS: 0.5, wire.SECONDS: 0.1}
        return RecordDict({wire.ARRAYS: arrays, wire.METRICS: MetricRecord(metrics)})

    return answer


def add(amount: float) -> Callable[[np.ndarray], np.ndarray]:
    """An update that adds to every weight."""
    return lambda vector: (vector + np.float32(amount)).astype(np.float32)
