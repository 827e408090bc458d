"""What sites answer, read with distrust: a wrong reply costs its sender the round, nothing else."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fedcmr.config import Experiment, UpdatePrecision
from fedcmr.errors import FedcmrError
from fedcmr.evaluation.edges import Edges
from fedcmr.evaluation.joint import JointSums, Pair
from fedcmr.evaluation.sums import EvaluationSums
from fedcmr.federation import messages as wire
from fedcmr.federation.cohort import Cohort
from fedcmr.federation.payload import LONGEST_HEAD, Layout, all_finite
from fedcmr.federation.precision import BLOCK, LEVELS, decode
from fedcmr.settings import parse_json
from fedcmr.types import FloatArray
from fedcmr_server.reply import Part, Reply
from fedcmr_server.state import Contribution

METRICS = {wire.EXAMPLES, wire.STEPS, wire.LOSS, wire.SECONDS}


class Unusable(FedcmrError):
    """A reply that does not count, and why."""


@contextmanager
def distrust(expected: str) -> Iterator[None]:
    """Make whatever a made-up reply provokes one kind of error.

    Raises:
        Unusable: the reply is not what was expected.
    """
    try:
        yield
    except Unusable:
        raise
    except FedcmrError as error:
        raise Unusable(str(error)) from None
    except Exception:  # numpy and Flower raise anything on made-up bytes
        raise Unusable(f"the reply is no {expected}") from None


def answer(reply: Reply, name: str) -> str:
    """Return one text of an answer.

    Raises:
        Unusable: the site refused, or there is no such text.
    """
    with distrust("answer"):
        return str(reply.content().config_records[wire.ANSWER][name])


def read_cohort(reply: Reply) -> Cohort:
    """Return what a site told in the handshake.

    Raises:
        Unusable: the site refused, or the reply is no cohort.
    """
    with distrust("cohort"):
        return parse_json(answer(reply, wire.COHORT), Cohort, where="handshake")


def read_sums(reply: Reply, *, edges: Edges, cases: int) -> EvaluationSums:
    """Return a site's evaluation sums.

    Args:
        reply: to an evaluate message.
        edges: that were asked for; a site's policy may leave some out.
        cases: labelled studies of the split, as told in the handshake.

    Raises:
        Unusable: the site could not evaluate, or the sums are wrong.
    """
    with distrust("evaluation"):
        sums = EvaluationSums.from_json(answer(reply, wire.SUMS), where="evaluation")
        if not {*sums.edges} <= {*edges}:
            raise Unusable("the sums have other bins than asked for")
        if sums.overall.n != cases:
            raise Unusable("the sums are not of the studies of the handshake")
        return sums


def read_joint(reply: Reply, *, edges: Pair, cases: int) -> JointSums:
    """Return a site's comparison of two weight vectors; arguments as of `read_sums`.

    Raises:
        Unusable: the site could not compare, or the sums are wrong.
    """
    with distrust("comparison"):
        sums = JointSums.from_json(answer(reply, wire.SUMS), where="comparison")
        kept = all({*got} <= {*asked} for got, asked in zip(sums.edges, edges, strict=True))
        if not kept or sums.n != cases:
            raise Unusable("the comparison is not the one that was asked for")
        return sums


def read_contribution(reply: Reply, cohort: Cohort, experiment: Experiment) -> Contribution:
    """Return the numbers of an update, whose weights then count by its examples.

    Args:
        reply: to a train message.
        cohort: of the site's handshake.
        experiment: under differential privacy a site tells epsilon, and patients for examples.

    Raises:
        Unusable: the site could not train, or the update is not one of this run.
    """
    with distrust("update"):
        content, private = reply.content(), experiment.privacy.private
        expected = METRICS | {wire.EPSILON} if private else METRICS
        metrics = content.metric_records[wire.METRICS]
        if set(content) != {wire.ARRAYS, wire.METRICS} or set(metrics) != expected:
            raise Unusable("the reply holds something else than an update")
        is_whole = experiment.federation.update_precision == "fp32"
        arrays = {wire.WEIGHTS} if is_whole else {wire.WEIGHTS, wire.SCALES}
        if set(content.array_records[wire.ARRAYS]) != arrays:
            raise Unusable("the reply holds other arrays than the weights")
        contribution = Contribution.model_validate(
            {name.removeprefix("num-"): value for name, value in metrics.items()}
        )
        fewest = min(1, cohort.train) if private else cohort.train
        if not fewest <= contribution.examples <= cohort.train:
            raise Unusable("the update is not of the studies of the handshake")
        return contribution


@dataclass(frozen=True)
class Block:
    """Consecutive values of an array."""

    values: NDArray[Any]
    """Hold until the next block is asked for."""
    file: Path | None = None
    """Ends with exactly these values, and is named by its sha256; as long as they hold."""
    offset: int = 0
    """Bytes of the file before them."""


def read_update(
    reply: Reply, layout: Layout, start: FloatArray, precision: UpdatePrecision
) -> Iterator[Block]:
    """Yield the weights of an update as little-endian float32, block by block, checked.

    Args:
        reply: to a train message.
        layout: of the network.
        start: weights (P,) that the site trained from.
        precision: of the update.

    Raises:
        Unusable: another type or shape than the network's, or a value that is not finite.
    """
    with distrust("update"):
        blocks: Iterator[Block]
        if precision == "fp32":
            blocks = _values(reply, wire.WEIGHTS, np.dtype("<f4"), layout.size)
        else:
            count = -(-layout.size // BLOCK)
            parts = _values(reply, wire.SCALES, np.dtype("<f4"), count)
            scales = np.concatenate([part.values.copy() for part in parts])
            kind = np.dtype(LEVELS[precision][1])
            values = _values(reply, wire.WEIGHTS, kind, layout.size, together=BLOCK)
            blocks = map(Block, decode((part.values for part in values), scales, start))
        for block in blocks:
            if not all_finite(block.values):
                raise Unusable("weights contain a value that is not finite")
            yield block


def _values(
    reply: Reply, name: str, expected: np.dtype[Any], size: int, together: int = 1
) -> Iterator[Block]:
    """Yield the values of one of the arrays, part by part; as many as are `together` stay so."""
    parts = reply.data(reply.content().array_records[wire.ARRAYS][name])
    first = next(parts)
    head = io.BytesIO(first.data[:LONGEST_HEAD])
    np.lib.format.read_magic(head)
    shape, _, dtype = np.lib.format.read_array_header_1_0(head)
    if dtype != expected or shape != (size,):
        raise Unusable(f"{name} are {dtype} {shape}, expected {expected} ({size},)")
    left, rest, whole = expected.itemsize * size, b"", expected.itemsize * together
    start = head.tell()
    begun = Part(first.data[start:], first.path, first.offset + start)
    for part in chain([begun], parts):
        block = memoryview(b"".join((rest, part.data))) if rest else part.data
        left -= len(part.data)
        if left < 0:
            break
        end = len(block) - len(block) % whole if left else len(block)
        if end:
            values = np.frombuffer(block[:end], expected)
            is_whole = block is part.data and end == len(block)
            yield Block(values, part.path, part.offset) if is_whole else Block(values)
        rest = bytes(block[end:])
    if left:
        raise Unusable("the weights have another size than the network")
