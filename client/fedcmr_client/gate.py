"""What stands between a coordinator's question and the site's data: policy, people, budget.

Everything here is read from the site's own disk. Nothing that a coordinator sends can change it.
"""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from fedcmr.config import Experiment
from fedcmr.data.store import Dataset
from fedcmr.errors import DataError, PolicyRefusal
from fedcmr.privacy.accounting import Spending, epsilon
from fedcmr.privacy.budget import BudgetLedger, Limit, PatientSet
from fedcmr.privacy.dp_sgd import DpSgd, dp_sgd
from fedcmr.privacy.outbound import OutboundLedger
from fedcmr.privacy.policy import Policy
from fedcmr.tasks.task import Task
from fedcmr_client.approval import SHORTEST_PREFIX, Approvals
from fedcmr_client.round_store import RoundStore
from fedcmr_client.settings import Role, SiteFolder

TRAINING = "train"


@dataclass(frozen=True)
class Site:
    """What belongs to the site and outlives every run."""

    policy: Policy
    role: Role
    approvals: Approvals
    budget: BudgetLedger
    outbound: OutboundLedger
    rounds: RoundStore
    today: Callable[[], dt.date] = dt.date.today


def site_of(folder: SiteFolder) -> Site:
    """Open the ledgers of a site's folder.

    Raises:
        DataError: a ledger is damaged, or the budget lacks the charge for an update that left.
    """
    budget, outbound = BudgetLedger(folder.budget), OutboundLedger(folder.outbound)
    charged = {(charge.run, charge.round) for charge in budget.budget.charges}
    if missing := sorted(outbound.private_rounds - charged):
        raise DataError(
            f"no charge for {len(missing)} private rounds that left, first round {missing[0][1]}"
            f" of run {missing[0][0][:SHORTEST_PREFIX]}",
            where=str(folder.budget),
            fix="restore both ledgers from the newest backup; an older budget is no fresh one",
        )
    return Site(
        folder.settings.policy,
        folder.settings.role,
        Approvals(folder.approvals),
        budget,
        outbound,
        RoundStore(folder.round),
    )


class Gate:
    """The site's word on one experiment."""

    def __init__(self, site: Site, experiment: Experiment, dataset: Dataset, task: Task) -> None:
        self._site = site
        self._experiment = experiment
        self._digest = experiment.digest()
        labelled = task.labelled(dataset.records)
        trained = {record.patient for record in labelled if record.split == "train"}
        if site.role == "validate":
            trained = set()
        self.patients = PatientSet(
            frozenset(trained), dataset.manifest.key_fingerprint, dataset.digest()
        )
        """Whom a round of training sees."""
        self._cohort = len(trained) or len({record.patient for record in labelled})

    def check(self, page: Callable[[], str]) -> None:
        """Check policy and approval; to be asked before every answer.

        Args:
            page: what a person needs to decide, where nobody has.

        Raises:
            PolicyRefusal: the policy does not allow the experiment, or nobody has approved it.
        """
        policy = self._site.policy
        if reasons := policy.allows(self._experiment, self._cohort, self._site.today()):
            raise PolicyRefusal("the site's policy: " + "; ".join(reasons))
        self._site.approvals.demand(self._digest, page, ask=policy.approval == "ask")

    def check_budget(self) -> None:
        """Check that the budget reaches for what is left of the run.

        Raises:
            BudgetExhausted: it does not.
            ConfigurationError: the experiment's privacy cannot be had with so few patients.
        """
        self._site.budget.check(self.patients, self._rest(), self._limit)

    def pay(self, round_number: int) -> None:
        """Write down what a round spends; it may be trained once this has returned.

        Raises:
            BudgetExhausted: the budget does not reach.
            DataError: the disk is full.
        """
        if self.mechanism is not None:
            self._site.budget.charge(
                self.patients,
                self.mechanism.spending,
                self._limit,
                run=self._digest,
                experiment=self._experiment.name,
                round_number=round_number,
                purpose=TRAINING,
            )

    def spent(self) -> float | None:
        """Return the epsilon of this run so far; None without privacy."""
        if not self._experiment.privacy.private:
            return None
        privacy = self._experiment.privacy
        return epsilon(self._paid(), privacy.delta, privacy.accountant)

    def of_run(self) -> float:
        """Return the epsilon of the whole run, at the experiment's delta."""
        privacy = self._experiment.privacy
        return epsilon([*self._paid(), *self._rest()], privacy.delta, privacy.accountant)

    @cached_property
    def mechanism(self) -> DpSgd | None:
        """What protects a round, and costs; None without privacy or a patient to train on.

        Raises:
            ConfigurationError: the experiment's privacy cannot be had with so few patients.
        """
        patients = len(self.patients.members)
        return dp_sgd(self._experiment, patients) if patients else None

    def reached(self) -> float:
        """Return the epsilon of the worst patient over all runs, once this one is finished."""
        policy = self._site.policy
        return self._site.budget.budget.epsilon(
            self.patients, self._rest(), delta=policy.delta, accountant=policy.accountant
        )

    def _rest(self) -> list[Spending]:
        if self.mechanism is None:
            return []
        left = self._experiment.federation.rounds - len(self._paid())
        return [self.mechanism.spending] * left

    def _paid(self) -> list[Spending]:
        return [charge.spending for charge in self._site.budget.budget.of_run(self._digest)]

    @property
    def _limit(self) -> Limit | None:
        policy = self._site.policy
        if policy.largest_epsilon is None:
            return None
        return Limit(policy.largest_epsilon, policy.delta, policy.accountant)
