"""One experiment at this site: accepted once, then kept in memory between messages."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from torch import nn

from fedcmr.config import Experiment, parse_json
from fedcmr.data.store import Dataset
from fedcmr.errors import DataError, PolicyRefusal
from fedcmr.evaluation.sums import EvaluationSums, collect, levels
from fedcmr.federation.cohort import Cohort
from fedcmr.federation.contract import Contract, contract
from fedcmr.federation.payload import Layout
from fedcmr.models.registry import build
from fedcmr.tasks.registry import Task, task
from fedcmr.training.local import RoundResult, train_round
from fedcmr.training.scoring import score
from fedcmr.types import FloatArray, Split

EVALUATIONS_PER_ROUND = 2
"""One, and one more for rounds that are repeated after a fault."""


@dataclass
class Session:
    """The network, the task and the data set that an accepted experiment works on."""

    experiment: Experiment
    dataset: Dataset
    model: nn.Module
    task: Task
    layout: Layout = field(init=False)
    evaluations: Counter[Split] = field(default_factory=Counter)
    """How often each split was scored: every answer tells a little of the same patients."""

    def __post_init__(self) -> None:
        self.layout = Layout(self.model.state_dict())

    def cohort(self) -> Cohort:
        """Count the labelled studies."""

        def count(split: Split) -> int:
            records = self.dataset.subset(split)
            return sum(self.task.label(record) is not None for record in records)

        return Cohort(
            train=count("train"),
            validation=count("validation"),
            test=count("test"),
            phantom=self.dataset.manifest.phantom,
        )

    def train(self, weights: FloatArray, round_number: int) -> tuple[FloatArray, RoundResult]:
        """Train one local round from the weights (P,) and return the new ones.

        Raises:
            DataError: the weights do not fit, or training made a value that is not finite.
            PolicyRefusal: the experiment has no such round.
        """
        if not 1 <= round_number <= self.experiment.federation.rounds:
            raise PolicyRefusal(f"the accepted experiment has no round {round_number}")
        self._load(weights)
        settings = self.experiment.training
        result = train_round(
            self.model,
            self.task,
            self.dataset,
            settings,
            start_step=(round_number - 1) * self._steps_per_round(),
            epochs=settings.local_epochs,
            proximal_mu=self.experiment.federation.proximal_mu,
        )
        update = self.layout.pack(self.model.state_dict())
        if not np.isfinite(update).all():
            raise DataError("training diverged", fix="ask for a lower learning_rate")
        return update, result

    def evaluate(self, weights: FloatArray, split: Split) -> EvaluationSums:
        """Score a split with the weights (P,) and return additive sums.

        Raises:
            DataError: the weights do not fit.
            PolicyRefusal: the split was scored more often than the experiment needs.
        """
        self.evaluations[split] += 1
        if self.evaluations[split] > EVALUATIONS_PER_ROUND * self.experiment.federation.rounds + 1:
            raise PolicyRefusal(f"the {split} split was evaluated often enough for this experiment")
        self._load(weights)
        scores = score(self.model, self.task, self.dataset, split)
        return collect(
            scores.labels,
            scores.scores,
            [levels(record) for record in scores.records],
            bins=self.experiment.evaluation.bins,
        )

    def _load(self, weights: FloatArray) -> None:
        self.model.load_state_dict(self.layout.unpack(weights), strict=False)

    def _steps_per_round(self) -> int:
        settings = self.experiment.training
        batches = -(-self.cohort().train // settings.batch_size)
        return settings.local_epochs * batches


def open_session(experiment_json: str, contract_json: str, dataset: Dataset) -> Session:
    """Accept an experiment for this data set, or refuse it by name.

    Raises:
        ConfigurationError: the experiment has a key or value that this version does not know.
        PolicyRefusal: version, code, experiment, preprocessing or network differ.
        DataError: no study is labelled for the task.
    """
    experiment = parse_json(experiment_json, Experiment, where="the coordinator's experiment")
    theirs = parse_json(contract_json, Contract, where="the coordinator's contract")
    ours = contract(experiment, dataset.manifest.preprocessing_digest)
    if differences := theirs.differences(ours):
        raise PolicyRefusal("; ".join(differences), fix=_remedy(differences[0]))
    model = build(experiment.model, experiment.preprocessing)
    session = Session(experiment, dataset, model, task(experiment.task))
    cohort = session.cohort()
    if not cohort.train + cohort.validation + cohort.test:
        raise DataError(
            f"no study of this site is labelled for the task {experiment.task}",
            fix="ingest again with labels",
        )
    return session


def _remedy(difference: str) -> str:
    if difference.startswith("preprocessing"):
        return "ingest again with the experiment's file"
    if difference.startswith(("package", "code")):
        return "install the same version of fedcmr on both sides"
    return "ask the coordinator"
