"""A reply, described for the outbound ledger before it leaves."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from flwr.app import Message

from fedcmr.data.record import SPLITS
from fedcmr.federation import messages as wire
from fedcmr.federation.payload import from_npy
from fedcmr.privacy.outbound import Outgoing

LONGEST_NAME = 64
"""Characters that are kept of what a coordinator called an experiment."""


def outgoing(question: Message, reply: Message, size: int) -> Outgoing:
    """Return what leaves the site when the reply is sent.

    Args:
        question: names run, round and split; made up, it may name none.
        reply: an answer or a refusal.
        size: bytes of the reply.
    """
    config = _config(question)
    experiment, number, split = (config.get(k) for k in (wire.EXPERIMENT, wire.ROUND, wire.SPLIT))
    text = experiment if isinstance(experiment, str) else ""
    known: dict[str, Any] = {
        "run": hashlib.sha256(text.encode()).hexdigest() if text else "",
        "experiment": _name(text),
        "round": number if isinstance(number, int) else None,
        "split": split if split in SPLITS else None,
        "bytes": size,
    }
    if reply.has_error():
        return Outgoing(**known, kind="refusal", texts={"reason": reply.error.reason or ""})
    content = reply.content
    metrics = {
        name: value
        for record in content.metric_records.values()
        for name, value in record.items()
        if isinstance(value, int | float)
    }
    return Outgoing(
        **known,
        kind=kind_of(question),
        tensors={
            name: from_npy(array.data)
            for record in content.array_records.values()
            for name, array in record.items()
        },
        metrics=metrics,
        texts={
            name: str(value)
            for record in content.config_records.values()
            for name, value in record.items()
        },
        epsilon=metrics.get(wire.EPSILON),
    )


def kind_of(question: Message) -> str:
    """Return what was asked for: handshake, survey, train, evaluate, compare or calibrate."""
    category, _, action = question.metadata.message_type.partition(".")
    if category == "evaluate" and wire.CALIBRATE in _config(question):
        return "calibrate"
    if category == "evaluate" and _is_comparison(question):
        return "compare"
    return action if category == "query" else category


def _is_comparison(question: Message) -> bool:
    if not question.has_content():
        return False
    arrays = question.content.array_records.get(wire.ARRAYS)
    return arrays is not None and wire.OTHER in arrays


def _config(question: Message) -> Mapping[str, Any]:
    if not question.has_content():
        return {}
    return question.content.config_records.get(wire.CONFIG) or {}


def _name(experiment: str) -> str:
    try:
        return str(json.loads(experiment)["name"])[:LONGEST_NAME]
    except (ValueError, TypeError, KeyError, RecursionError):
        return ""
