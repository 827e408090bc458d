"""The outbound ledger: a line for every message that leaves a site, written before it is sent.

A line holds everything but the values of the tensors: of these, name, shape, dtype, L2 norm, bytes
and sha256. A message that a broken connection makes the site send again has two lines.
"""

import datetime as dt
import hashlib
import json
import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fedcmr.privacy.chain import Chain, Entry

VALUES_AT_ONCE = 1 << 16
"""What fits into the cache of a core in double precision."""


@dataclass(frozen=True)
class Outgoing:
    """One message, as it will leave."""

    run: str
    """Digest of the experiment; empty where the question named none."""
    experiment: str
    kind: str
    """handshake, survey, train, evaluate, compare, calibrate, or refusal."""
    bytes: int
    """Content and envelope, before HTTP and TLS."""
    round: int | None = None
    split: str | None = None
    tensors: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    metrics: Mapping[str, float | int] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    """Answers in words and JSON, word for word."""
    epsilon: float | None = None
    """Spent in this run so far, of which this message is a part; None without privacy."""


class OutboundLedger:
    """The site's ledger, open for writing.

    Raises:
        DataError: the ledger is damaged.
    """

    def __init__(self, path: Path) -> None:
        self._sent: defaultdict[tuple[str, str, str | None], set[str]] = defaultdict(set)
        self.private_rounds: set[tuple[str, int]] = set()
        """Run and round of the updates with an epsilon that have left, ever."""
        self._chain = Chain(path, self._count)

    def write(self, message: Outgoing) -> None:
        """Note a message; send it only when this has returned.

        Raises:
            DataError: the disk is full.
        """
        content = {
            "tensors": [_tensor(name, array) for name, array in message.tensors.items()],
            "metrics": dict(message.metrics),
            "texts": dict(message.texts),
        }
        canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
        entry = {
            "time": dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds"),
            "run": message.run,
            "experiment": message.experiment,
            "kind": message.kind,
            "round": message.round,
            "split": message.split,
            "bytes": message.bytes,
            "epsilon": message.epsilon,
            "digest": hashlib.sha256(canonical.encode()).hexdigest(),
            **content,
        }
        self._chain.append(entry)
        self._count(entry)

    def sent(self, run: str, kind: str, split: str | None = None) -> int:
        """Return how many different messages of a kind have left for a run, ever."""
        return len(self._sent[run, kind, split])

    def _count(self, entry: Entry) -> None:
        self._sent[entry["run"], entry["kind"], entry["split"]].add(entry["digest"])
        if entry["kind"] == "train" and entry["epsilon"] is not None:
            self.private_rounds.add((entry["run"], entry["round"]))


def _tensor(name: str, array: NDArray[Any]) -> dict[str, object]:
    flat = np.ascontiguousarray(array).reshape(-1)
    square, whole = 0.0, hashlib.sha256()
    for start in range(0, flat.size, VALUES_AT_ONCE):
        part = flat[start : start + VALUES_AT_ONCE]
        wide = part.astype(np.float64)
        square += float(wide @ wide)
        whole.update(part.data)
    return {
        "name": name,
        "shape": list(array.shape),
        "dtype": str(array.dtype),
        "norm": math.sqrt(square),
        "bytes": array.nbytes,
        "sha256": whole.hexdigest(),
    }
