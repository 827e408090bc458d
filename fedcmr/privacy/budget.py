"""The budget ledger: what every private step of every run has told about the patients of a site.

The unit is the patient. A patient's loss is composed of all mechanisms that ever saw the patient,
whatever the run, the coordinator or the data set: a data set that was ingested anew, grown or
shrunk gives its patients no new budget. What a site may still spend is decided by the patient of
whom most has been told.

A line is on the disk before the mechanism runs, so a crash in between counts as well. A patient is
known by the pseudonym; sets under another pseudonym key cannot be told apart and count for all.
"""

import datetime as dt
import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

from fedcmr.errors import PolicyRefusal
from fedcmr.privacy.accounting import Accountant, Spending, epsilon
from fedcmr.privacy.chain import Chain, Entry, walk


class BudgetExhausted(PolicyRefusal):
    """What was asked for would tell more of a patient than the site allows."""


@dataclass(frozen=True)
class PatientSet:
    """The patients that a mechanism sees."""

    members: frozenset[str]
    """Pseudonyms."""
    key: str
    """Fingerprint of the key of the pseudonyms."""
    dataset: str
    """Digest of the data set that they were read from."""

    @cached_property
    def digest(self) -> str:
        """Return the sha256 of key and members, in hex."""
        text = "\n".join([self.key, *sorted(self.members)])
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Charge:
    """One line: a mechanism that was run, or was about to be."""

    run: str
    """Digest of the experiment."""
    experiment: str
    round: int
    purpose: str
    """train, or the split of an evaluation."""
    patients: str
    """Digest of the patient set."""
    spending: Spending


@dataclass(frozen=True)
class Limit:
    """Budget of a patient over all runs."""

    epsilon: float
    delta: float
    accountant: Accountant


class Budget:
    """Who saw what: sets of patients, and charges to them."""

    def __init__(self) -> None:
        self.sets: dict[str, PatientSet] = {}
        self.charges: list[Charge] = []

    def histories(self, patients: PatientSet) -> list[tuple[Spending, ...]]:
        """Return what the patients of a set have been through: one list for each group of them.

        Patients who have been in the same sets have the same history.
        """
        groups = {self._seen_in(member, patients.key) for member in patients.members}
        return [
            tuple(charge.spending for charge in self.charges if charge.patients in seen)
            for seen in sorted(groups, key=sorted)
        ]

    def epsilon(
        self,
        patients: PatientSet,
        more: Sequence[Spending] = (),
        *,
        delta: float,
        accountant: Accountant,
    ) -> float:
        """Return the epsilon of the set's worst patient, after `more` as well; 0 without any."""
        totals = ((*history, *more) for history in self.histories(patients))
        return max((epsilon(total, delta, accountant) for total in totals if total), default=0.0)

    def of_run(self, run: str, purpose: str | None = None) -> list[Charge]:
        """Return the charges of one run."""
        return [
            charge
            for charge in self.charges
            if charge.run == run and purpose in (None, charge.purpose)
        ]

    def add(self, entry: Entry) -> None:
        """Take in one line of the ledger."""
        if entry["kind"] == "patients":
            known = PatientSet(frozenset(entry["members"]), entry["key"], entry["dataset"])
            self.sets[known.digest] = known
        else:
            names = ("run", "experiment", "round", "purpose", "patients")
            spending = Spending(**entry["spending"])
            self.charges.append(Charge(**{name: entry[name] for name in names}, spending=spending))

    def _seen_in(self, member: str, key: str) -> frozenset[str]:
        return frozenset(
            digest
            for digest, known in self.sets.items()
            if known.key != key or member in known.members
        )


class BudgetLedger:
    """The site's ledger, open for writing.

    Raises:
        DataError: the ledger is damaged.
    """

    def __init__(self, path: Path) -> None:
        self.budget = Budget()
        self._chain = Chain(path, self.budget.add)

    def charge(
        self,
        patients: PatientSet,
        spending: Spending,
        limit: Limit | None,
        *,
        run: str,
        experiment: str,
        round_number: int,
        purpose: str,
    ) -> None:
        """Note a mechanism that is about to run; run it only when this has returned.

        Raises:
            BudgetExhausted: it would exceed the limit; nothing is noted.
            DataError: the disk is full.
        """
        self.check(patients, [spending], limit)
        if patients.digest not in self.budget.sets:
            members = sorted(patients.members)
            self._append(
                {
                    "kind": "patients",
                    "patients": patients.digest,
                    "key": patients.key,
                    "dataset": patients.dataset,
                    "members": members,
                }
            )
        self._append(
            {
                "kind": "spending",
                "run": run,
                "experiment": experiment,
                "round": round_number,
                "purpose": purpose,
                "dataset": patients.dataset,
                "patients": patients.digest,
                "spending": asdict(spending),
            }
        )

    def check(
        self, patients: PatientSet, spendings: Sequence[Spending], limit: Limit | None
    ) -> None:
        """Check that a patient's budget has room for more.

        Raises:
            BudgetExhausted: it has not.
        """
        if limit is None:
            return
        reached = self.budget.epsilon(
            patients, spendings, delta=limit.delta, accountant=limit.accountant
        )
        if reached > limit.epsilon:
            raise BudgetExhausted(
                f"the privacy budget does not reach: epsilon would become {reached:.3f},"
                f" the site allows {limit.epsilon:g} at delta {limit.delta:g}",
                fix="`fedcmr-client ledger` shows what was spent",
            )

    def _append(self, entry: Entry) -> None:
        self._chain.append({"time": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"), **entry})
        self.budget.add(entry)


def read_budget(path: Path) -> Budget:
    """Verify the ledger and return what it holds; it is only read.

    Raises:
        DataError: it is damaged.
    """
    budget = Budget()
    walk(path, budget.add)
    return budget
