"""What sites answer, read with distrust: a wrong reply costs its sender the round, nothing else."""

from flwr.app import Message, RecordDict

from fedcmr.config import parse_json
from fedcmr.errors import DataError, FedcmrError, PartialRun
from fedcmr.evaluation.sums import EvaluationSums
from fedcmr.federation import messages as wire
from fedcmr.federation.cohort import Cohort
from fedcmr.federation.payload import Layout
from fedcmr_server.state import Contribution

METRICS = {wire.EXAMPLES, wire.STEPS, wire.LOSS, wire.SECONDS}

LONGEST_REASON = 500
"""Characters of a site's refusal that are kept."""

LARGEST_HEADER = 4096
"""Bytes that an array on the wire may have besides its values."""


def read_cohort(reply: Message) -> Cohort:
    """Return what a site told in the handshake.

    Raises:
        FedcmrError: the site refused, or the reply is no cohort.
    """
    return parse_json(_answer(reply, wire.COHORT), Cohort, where="handshake")


def read_sums(reply: Message, *, bins: int, cases: int) -> EvaluationSums:
    """Return a site's evaluation sums.

    Args:
        reply: to an evaluate message.
        bins: of the experiment's histograms.
        cases: labelled studies of the split, as told in the handshake.

    Raises:
        FedcmrError: the site could not evaluate, or the sums are wrong.
    """
    sums = EvaluationSums.from_json(_answer(reply, wire.SUMS), where="evaluation")
    if sums.bins != bins:
        raise PartialRun("the sums have another number of bins")
    if sums.overall.n != cases:
        raise PartialRun("the sums are not of the studies of the handshake")
    return sums


def read_update(reply: Message, layout: Layout, cohort: Cohort) -> Contribution:
    """Check an update, whose weights then count by its examples, and return its numbers.

    Raises:
        FedcmrError: the site could not train, or the update is not one of this run.
    """
    content = _content(reply)
    try:
        # Flower averages every array and weighs by the one metric record that it finds first.
        arrays = content.array_records[wire.ARRAYS]
        metrics = content.metric_records[wire.METRICS]
        if set(content) != {wire.ARRAYS, wire.METRICS} or set(metrics) != METRICS:
            raise DataError("the reply holds something else than an update")
        if set(arrays) != {wire.WEIGHTS}:
            raise DataError("the reply holds other arrays than the weights")
        if abs(len(arrays[wire.WEIGHTS].data) - 4 * layout.size) > LARGEST_HEADER:
            raise DataError("the weights have another size than the network")
        layout.check(arrays[wire.WEIGHTS].numpy())
        contribution = Contribution.model_validate(
            {
                "examples": metrics[wire.EXAMPLES],
                "steps": metrics[wire.STEPS],
                "loss": metrics[wire.LOSS],
                "seconds": metrics[wire.SECONDS],
            }
        )
    except FedcmrError:
        raise
    except Exception:  # numpy and Flower raise anything on made-up bytes
        raise PartialRun("the reply is not an update") from None
    if contribution.examples != cohort.train:
        raise PartialRun("the update is not of the studies of the handshake")
    return contribution


def _answer(reply: Message, name: str) -> str:
    try:
        return str(_content(reply).config_records[wire.ANSWER][name])
    except KeyError:
        raise PartialRun("the reply is not an answer") from None


def _content(reply: Message) -> RecordDict:
    if reply.has_error():
        raise PartialRun((reply.error.reason or "the site could not answer")[:LONGEST_REASON])
    return reply.content
