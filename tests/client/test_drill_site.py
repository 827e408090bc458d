from pathlib import Path

import numpy as np
import pytest
from fedcmr_client.drill_site import FLIP, NOISE, SCALE, NoLedger, falsify, hostile
from flwr.app import Array, ArrayRecord, ConfigRecord, Context, Message, RecordDict
from flwr.supercore.task_identity import TaskIdentity

from fedcmr.federation import messages as wire
from fedcmr.privacy.outbound import OutboundLedger, Outgoing

START = np.linspace(-1, 1, 50, dtype=np.float32)
UPDATE = START + np.float32(0.01)


def length(vector: np.ndarray) -> float:
    return float(np.linalg.norm(vector))


@pytest.mark.parametrize(("attack", "factor"), [("sign_flip", FLIP), ("scaling", SCALE)])
def test_a_multiple_of_the_honest_step(attack: str, factor: float) -> None:
    sent = falsify(UPDATE, START, attack, 1)  # type: ignore[arg-type]  # from a table
    assert np.allclose(sent - START, factor * (UPDATE - START), atol=1e-5)


def test_noise_is_longer_than_the_step_and_another_in_each_round() -> None:
    first, again, second = (falsify(UPDATE, START, "noise", seed) for seed in (1, 1, 2))
    assert length(first - UPDATE) == pytest.approx(NOISE * length(UPDATE - START), rel=1e-3)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, second)


def test_only_updates_are_falsified() -> None:
    TaskIdentity.run_id = TaskIdentity.node_id = TaskIdentity.task_id = 1

    def honest(message: Message, context: Context) -> Message:
        if message.metadata.message_type == wire.TRAIN:
            content = RecordDict({wire.ARRAYS: ArrayRecord({wire.WEIGHTS: Array(UPDATE)})})
        else:
            content = RecordDict({wire.ANSWER: ConfigRecord({wire.COHORT: "{}"})})
        return Message(content, reply_to=message)

    arrays = ArrayRecord({wire.WEIGHTS: Array(START)})
    asked = RecordDict({wire.ARRAYS: arrays, wire.CONFIG: ConfigRecord({wire.ROUND: 1})})
    context = Context(1, 1, {}, RecordDict(), {})
    answer = hostile(honest, "nan")
    reply = answer(Message(asked, 1, wire.TRAIN), context)
    assert np.isnan(reply.content.array_records[wire.ARRAYS][wire.WEIGHTS].numpy()).all()
    reply = answer(Message(asked, 1, wire.HANDSHAKE), context)
    assert reply.content.config_records[wire.ANSWER][wire.COHORT] == "{}"


def test_what_an_honest_ledger_refuses_leaves_a_hostile_site(tmp_path: Path) -> None:
    nothing = np.full(3, np.nan, dtype=np.float32)
    message = Outgoing("run", "name", "train", 12, tensors={wire.WEIGHTS: nothing})
    with pytest.raises(ValueError, match="JSON"):
        OutboundLedger(tmp_path / "honest.jsonl").write(message)
    NoLedger(tmp_path / "hostile.jsonl").write(message)
    assert not (tmp_path / "hostile.jsonl").exists()
