"""The site's Flower ClientApp: handshake, survey, train, evaluate."""

import logging
from collections.abc import Callable
from typing import Any, cast

from flwr.app import Array, ArrayRecord, ConfigRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.common.constant import SType
from numpy.typing import NDArray

from fedcmr.config import Experiment
from fedcmr.data.record import SPLITS
from fedcmr.data.store import Dataset
from fedcmr.errors import DataError
from fedcmr.federation import messages as wire
from fedcmr.federation.payload import from_npy, to_npy
from fedcmr.federation.precision import encode
from fedcmr.survey.sums import survey
from fedcmr.types import FloatArray
from fedcmr_client.approval import SHORTEST_PREFIX
from fedcmr_client.gate import Site
from fedcmr_client.scorer import Scorer, read_edges, read_line
from fedcmr_client.session import Session, open_session

log = logging.getLogger("fedcmr")

Begin = Callable[[str, str, Dataset, Site], Session]


def client_app(
    site: Site, open_dataset: Callable[[], Dataset], begin: Begin = open_session
) -> ClientApp:
    """Return the application that answers a coordinator from this site's data set.

    Args:
        site: policy, ledgers and stored rounds.
        open_dataset: called once for every experiment, so that a new ingest is seen.
        begin: makes the session of an experiment.
    """
    app = ClientApp()
    sessions: dict[tuple[str, str], tuple[Session, Scorer]] = {}

    def opened(message: Message) -> tuple[Session, Scorer]:
        config = message.content.config_records[wire.CONFIG]
        key = (str(config[wire.EXPERIMENT]), str(config[wire.CONTRACT]))
        if key not in sessions:
            sessions.clear()
            session = begin(*key, open_dataset(), site)
            sessions[key] = session, Scorer(session)
        sessions[key][0].check()
        return sessions[key]

    @app.query("handshake")
    def handshake(message: Message, context: Context) -> Message:
        sessions.clear()
        session, _ = opened(message)
        cohort = session.cohort()
        log.info(
            "accepted experiment %s (%s): %d %s to train on, %d to validate, %d to test",
            session.experiment.name,
            session.run[:SHORTEST_PREFIX],
            cohort.train,
            session.experiment.preprocessing.samples,
            cohort.validation,
            cohort.test,
        )
        return _answer(message, wire.COHORT, cohort.canonical_json())

    @app.query("survey")
    def answer_survey(message: Message, context: Context) -> Message:
        session, _ = opened(message)
        withheld = site.policy.withheld_strata
        sums = survey(session.dataset, session.task, withheld=withheld)
        session.check()
        return _answer(message, wire.SURVEY, sums.to_json())

    @app.train()
    def train(message: Message, context: Context) -> Message:
        number = message.content.config_records[wire.CONFIG][wire.ROUND]
        if type(number) is not int:  # a text would be a round that the ledger cannot name
            raise DataError("the coordinator asked for a round that is no number")
        session, _ = opened(message)
        done = session.train(_weights(message), number)
        session.check()  # a withdrawal while the round was trained keeps its update here
        metrics = MetricRecord(
            {
                wire.EXAMPLES: done.result.examples,
                wire.STEPS: done.result.steps,
                wire.LOSS: done.result.loss,
                wire.SECONDS: done.result.seconds,
            }
        )
        if done.epsilon is not None:
            metrics[wire.EPSILON] = done.epsilon
        arrays = _update(done.update, _weights(message), session.experiment)
        content = RecordDict({wire.ARRAYS: arrays, wire.METRICS: metrics})
        return Message(content, reply_to=message)

    @app.evaluate()
    def evaluate(message: Message, context: Context) -> Message:
        config = message.content.config_records[wire.CONFIG]
        split = next((known for known in SPLITS if known == config[wire.SPLIT]), None)
        if split is None:
            raise DataError(f"the coordinator asked for split {str(config[wire.SPLIT])[:20]!r}")
        edges, other_edges = (
            read_edges(str(config[name])) if name in config else None
            for name in (wire.EDGES, wire.OTHER_EDGES)
        )
        session, scorer = opened(message)
        weights = _weights(message)
        if wire.CALIBRATE in config:
            line = read_line(str(config[wire.CALIBRATE]))
            text = scorer.calibrate(weights, split, *line).canonical_json()
        elif wire.OTHER in message.content.array_records[wire.ARRAYS]:
            pair = (weights, _weights(message, wire.OTHER))
            text = scorer.compare(*pair, split, edges, other_edges).to_json()
        else:
            text = scorer.evaluate(weights, split, edges).to_json()
        session.check()
        return _answer(message, wire.SUMS, text)

    return app


def _update(update: FloatArray, start: FloatArray, experiment: Experiment) -> ArrayRecord:
    precision = experiment.federation.update_precision
    record = ArrayRecord({})  # which would copy arrays that it is made of
    if precision == "fp32":
        record[wire.WEIGHTS] = _array(update)
    else:
        values, scales = encode(update, start, precision)
        record[wire.WEIGHTS], record[wire.SCALES] = _array(values), _array(scales)
    return record


def _array(values: NDArray[Any]) -> Array:
    array = Array(str(values.dtype), values.shape, SType.NUMPY, b"")
    array.data = cast(bytes, to_npy(values))
    return array


def _weights(message: Message, name: str = wire.WEIGHTS) -> FloatArray:
    return from_npy(message.content.array_records[wire.ARRAYS][name].data)


def _answer(message: Message, name: str, text: str) -> Message:
    return Message(RecordDict({wire.ANSWER: ConfigRecord({name: text})}), reply_to=message)
