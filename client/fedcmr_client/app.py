"""The site's Flower ClientApp: handshake, train, evaluate."""

import logging
from collections.abc import Callable

from flwr.app import Array, ArrayRecord, ConfigRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp

from fedcmr.data.store import Dataset
from fedcmr.errors import DataError
from fedcmr.federation import messages as wire
from fedcmr.types import FloatArray, Split
from fedcmr_client.session import Session, open_session

log = logging.getLogger("fedcmr")

EVALUATED: tuple[Split, ...] = ("validation", "test")


def client_app(open_dataset: Callable[[], Dataset]) -> ClientApp:
    """Return the application that answers a coordinator from this site's data set.

    Args:
        open_dataset: called once for every experiment, so that a new ingest is seen.
    """
    app = ClientApp()
    sessions: dict[tuple[str, str], Session] = {}

    def session(message: Message) -> Session:
        config = message.content.config_records[wire.CONFIG]
        key = (str(config[wire.EXPERIMENT]), str(config[wire.CONTRACT]))
        if key not in sessions:
            sessions.clear()
            sessions[key] = open_session(*key, open_dataset())
        return sessions[key]

    @app.query("handshake")
    def handshake(message: Message, context: Context) -> Message:
        opened = session(message)
        cohort = opened.cohort()
        log.info(
            "accepted experiment %s (%s): %d studies to train on, %d to validate, %d to test",
            opened.experiment.name,
            opened.experiment.digest()[:12],
            cohort.train,
            cohort.validation,
            cohort.test,
        )
        answer = ConfigRecord({wire.COHORT: cohort.canonical_json()})
        return Message(RecordDict({wire.ANSWER: answer}), reply_to=message)

    @app.train()
    def train(message: Message, context: Context) -> Message:
        number = int(str(message.content.config_records[wire.CONFIG][wire.ROUND]))
        update, result = session(message).train(_weights(message), number)
        log.info(
            "round %d: trained %d steps on %d studies in %.1f s, loss %.4f",
            number,
            result.steps,
            result.examples,
            result.seconds,
            result.loss,
        )
        metrics = MetricRecord(
            {
                wire.EXAMPLES: result.examples,
                wire.STEPS: result.steps,
                wire.LOSS: result.loss,
                wire.SECONDS: result.seconds,
            }
        )
        arrays = ArrayRecord({wire.WEIGHTS: Array(update)})
        content = RecordDict({wire.ARRAYS: arrays, wire.METRICS: metrics})
        return Message(content, reply_to=message)

    @app.evaluate()
    def evaluate(message: Message, context: Context) -> Message:
        asked = message.content.config_records[wire.CONFIG][wire.SPLIT]
        split = next((known for known in EVALUATED if known == asked), None)
        if split is None:
            raise DataError(f"the coordinator asked for split {str(asked)[:20]!r}")
        sums = session(message).evaluate(_weights(message), split)
        answer = ConfigRecord({wire.SUMS: sums.to_json()})
        return Message(RecordDict({wire.ANSWER: answer}), reply_to=message)

    return app


def _weights(message: Message) -> FloatArray:
    vector: FloatArray = message.content.array_records[wire.ARRAYS][wire.WEIGHTS].numpy()
    return vector
