"""Updates of a round as files, and the same rounds through Flower's own strategies."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from fedcmr_server.strategies.strategy import Piece, Strategy, Update
from flwr.app import Array, ArrayRecord, ConfigRecord, Message, MetricRecord, RecordDict
from flwr.serverapp.strategy import FedAvg
from flwr.supercore.task_identity import TaskIdentity

EXAMPLES = (30, 10, 25, 7, 40, 3, 18)
"""Of up to seven sites."""


def write_updates(
    folder: Path, rows: np.ndarray, examples: Sequence[int] = EXAMPLES
) -> list[Update]:
    """Write the rows of (n, P) float32 and name them a, b, c, ..."""
    updates = []
    for letter, row, count in zip("abcdefghijklmnop", rows, examples, strict=False):
        path = folder / f"{letter}.f32"
        row.astype("<f4").tofile(path)
        updates.append(Update(letter, count, (Piece(path, 0, row.size),)))
    return updates


def drift(rng: np.random.Generator, weights: np.ndarray, sites: int = 5) -> np.ndarray:
    """Return updates that have a direction in common, (sites, P) float32."""
    direction = rng.normal(size=weights.size)
    steps = 0.1 * direction + 0.05 * rng.normal(size=(sites, weights.size))
    return (weights + steps).astype(np.float32)


def our_rounds(
    strategy: Strategy, folder: Path, weights: np.ndarray, seed: int, rounds: int = 4
) -> np.ndarray:
    """Return the weights after some rounds of drifting sites, (P,)."""
    rng = np.random.default_rng(seed)
    for _ in range(rounds):
        weights = strategy.merge(weights, write_updates(folder, drift(rng, weights))).weights
    return weights


class NoGrid:
    """As much of a Flower grid as a strategy needs to note the weights it starts from."""

    def get_node_ids(self) -> list[int]:
        """Return two made-up sites."""
        return [1, 2]


def flower_merge(
    strategy: FedAvg,
    weights: np.ndarray,
    rows: np.ndarray,
    *,
    round: int,
    examples: Sequence[int] = EXAMPLES,
) -> np.ndarray:
    """Return what a strategy of Flower makes of one round, (P,)."""
    TaskIdentity.run_id = TaskIdentity.node_id = TaskIdentity.task_id = 1
    start = ArrayRecord({"weights": Array(weights)})
    list(strategy.configure_train(round, start, ConfigRecord(), NoGrid()))
    replies = []
    for row, count in zip(rows, examples, strict=False):
        arrays = ArrayRecord({"weights": Array(row.astype(np.float32))})
        content = RecordDict({"arrays": arrays, "m": MetricRecord({"num-examples": count})})
        asked = Message(RecordDict(), 1, "train", ttl=60)
        replies.append(Message(content, reply_to=asked))
    merged, _ = strategy.aggregate_train(round, replies)
    assert merged is not None
    return merged["weights"].numpy()
