"""One experiment at this site: accepted once, then kept in memory between messages."""

import hashlib
import logging
import math
from dataclasses import dataclass, field

import numpy as np
from torch import nn

from fedcmr.config import Experiment
from fedcmr.data.store import Dataset
from fedcmr.errors import DataError, PolicyRefusal
from fedcmr.federation.cohort import Cohort
from fedcmr.federation.contract import Contract, contract
from fedcmr.federation.fedbn import with_own
from fedcmr.federation.payload import Layout
from fedcmr.models.registry import build
from fedcmr.settings import parse_json
from fedcmr.tasks.registry import Task, task
from fedcmr.training.local import train_round
from fedcmr.types import FloatArray, Split
from fedcmr_client.gate import Gate, Site
from fedcmr_client.proposal import proposal
from fedcmr_client.round_store import Finished

log = logging.getLogger("fedcmr")


@dataclass
class Session:
    """The network, the task and the data set that an accepted experiment works on."""

    experiment: Experiment
    site: Site
    dataset: Dataset
    model: nn.Module
    task: Task
    layout: Layout = field(init=False)
    gate: Gate = field(init=False)

    def __post_init__(self) -> None:
        self.layout = Layout(self.model.state_dict())
        self.gate = Gate(self.site, self.experiment, self.dataset, self.task)
        self.run = self.experiment.digest()

    def cohort(self) -> Cohort:
        """Count the labelled samples; patients to train on, under differential privacy."""

        def count(split: Split) -> int:
            return self.task.samples(self.dataset.subset(split))

        trained = self.gate.patients.members
        by_patient = self.experiment.privacy.private or not trained
        return Cohort(
            train=len(trained) if by_patient else count("train"),
            validation=count("validation"),
            test=count("test"),
            phantom=self.dataset.manifest.phantom,
            role=self.site.role,
            results_by_site=self.site.policy.results_by_site,
        )

    def check(self) -> None:
        """Check that the site's policy and people still allow the experiment.

        Raises:
            PolicyRefusal: they do not.
        """
        self.gate.check(
            lambda: proposal(
                self.experiment, self.gate, self.site.policy, self.cohort(), self.layout.size
            )
        )

    def train(self, weights: FloatArray, round_number: int) -> Finished:
        """Train one local round from the weights (P,), or return it where that was done already.

        A round that a kill interrupted goes on from its last step and is not paid for again.

        Raises:
            DataError: the weights do not fit, training made a value that is not finite, or the
                stored round is damaged.
            PolicyRefusal: the experiment has no such round, or all of its rounds were trained.
            BudgetExhausted: the round would exceed the privacy budget.
        """
        if self.site.role == "validate":
            raise PolicyRefusal("this site only validates")
        rounds = self.experiment.federation.rounds
        if not 1 <= round_number <= rounds:
            raise PolicyRefusal(f"the accepted experiment has no round {round_number}")
        self.layout.check(weights)
        fingerprint = self._fingerprint(weights, round_number)
        store = self.site.rounds
        if (finished := store.finished(fingerprint)) is not None:
            log.info("round %d: answered with the update that was stored", round_number)
            return finished
        if not store.begun(fingerprint):
            if self.site.outbound.sent(self.run, "train") >= rounds:
                raise PolicyRefusal(f"this site has trained all {rounds} rounds of the experiment")
            self.gate.pay(round_number)
            store.begin(fingerprint)
        finished = self._trained(weights, round_number)
        is_needed = self.experiment.federation.strategy == "fedbn"
        private = self.experiment.privacy.private
        store.finish(fingerprint, self.run, finished, durable=private or is_needed)
        log.info(
            "round %d: trained %d steps on %d samples in %.1f s, loss %.4f",
            round_number,
            finished.result.steps,
            finished.result.examples,
            finished.result.seconds,
            finished.result.loss,
        )
        return finished

    def load(self, weights: FloatArray) -> None:
        """Put weights (P,) into the network.

        Raises:
            DataError: they do not fit.
        """
        self.model.load_state_dict(self.layout.unpack(weights), strict=False)

    def _trained(self, weights: FloatArray, round_number: int) -> Finished:
        settings, federation = self.experiment.training, self.experiment.federation
        own = self.site.rounds.last_of(self.run) if federation.strategy == "fedbn" else None
        self.load(weights if own is None else with_own(weights, own, self.model))
        mechanism = self.gate.mechanism
        steps = settings.local_epochs * -(-self.cohort().train // settings.batch_size)
        if mechanism is not None:
            steps = mechanism.spending.steps
        result = train_round(
            self.model,
            self.task,
            self.dataset,
            settings,
            start_step=(round_number - 1) * steps,
            epochs=settings.local_epochs,
            proximal_mu=federation.proximal_mu,
            privacy=mechanism,
            resume=self.site.rounds.resume,
        )
        update = self.layout.pack(self.model.state_dict())
        if not (np.isfinite(update).all() and math.isfinite(result.loss)):
            raise DataError("training diverged", fix="ask for a lower learning_rate")
        return Finished(update, result, self.gate.spent())

    def _fingerprint(self, weights: FloatArray, round_number: int) -> str:
        whole = hashlib.sha256(f"{self.run} {round_number} {self.dataset.digest()}".encode())
        whole.update(np.ascontiguousarray(weights).data)
        return whole.hexdigest()


def open_session(experiment_json: str, contract_json: str, dataset: Dataset, site: Site) -> Session:
    """Accept an experiment for this data set, or refuse it by name.

    Raises:
        ConfigurationError: the experiment has a key or value that this version does not know.
        PolicyRefusal: version, code, experiment, preprocessing or network differ, the site's
            policy does not allow the experiment, or nobody has approved it.
        DataError: no study is labelled for the task.
        BudgetExhausted: the privacy budget does not reach for the run.
    """
    experiment = parse_json(experiment_json, Experiment, where="the coordinator's experiment")
    if experiment.canonical_json() != experiment_json:
        raise PolicyRefusal("the experiment is not in its canonical form, which its digest names")
    theirs = parse_json(contract_json, Contract, where="the coordinator's contract")
    ours = contract(experiment, dataset.manifest.preprocessing_digest)
    if differences := theirs.differences(ours):
        raise PolicyRefusal("; ".join(differences), fix=_remedy(differences[0]))
    model = build(experiment.model, experiment.preprocessing)
    session = Session(experiment, site, dataset, model, task(experiment.task))
    cohort = session.cohort()
    if not cohort.train + cohort.validation + cohort.test:
        raise DataError(
            f"no study of this site is labelled for the task {experiment.task}",
            fix="ingest again with labels",
        )
    session.check()
    session.gate.check_budget()
    return session


def _remedy(difference: str) -> str:
    if difference.startswith("preprocessing"):
        return "ingest again with the experiment's file"
    if difference.startswith(("package", "code")):
        return "install the same version of fedcmr on both sides"
    return "ask the coordinator"
