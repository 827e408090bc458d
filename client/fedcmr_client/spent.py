"""What the ledgers say was spent, as a table."""

from typing import Any

from fedcmr.privacy.accounting import Accountant, epsilon
from fedcmr.privacy.budget import Budget, read_budget
from fedcmr.privacy.chain import Entry, walk
from fedcmr_client.settings import SiteFolder

BOTH: tuple[Accountant, ...] = ("rdp", "prv")


def spent(folder: SiteFolder) -> dict[str, Any]:
    """Return budget, patient sets and runs, ready for JSON.

    The epsilon of a patient set is that of its worst patient over all runs, by the policy's delta
    and accountant, and by either accountant; so is that of a run, over its own rounds.

    Raises:
        DataError: a ledger is damaged.
    """
    policy, budget = folder.settings.policy, read_budget(folder.budget)
    bound = {"delta": policy.delta, "accountant": policy.accountant}
    sets = []
    for digest, patients in budget.sets.items():
        by: dict[str, float] = {
            name: budget.epsilon(patients, delta=policy.delta, accountant=name) for name in BOTH
        }
        reached, limit = by[policy.accountant], policy.largest_epsilon
        sets.append(
            {
                "digest": digest,
                "dataset": patients.dataset,
                "patients": len(patients.members),
                "epsilon": reached,
                "left": None if limit is None else max(0.0, limit - reached),
                **by,
            }
        )
    return {
        "budget": policy.largest_epsilon,
        **bound,
        "patient_sets": sets,
        "runs": _runs(folder, budget),
    }


def _runs(folder: SiteFolder, budget: Budget) -> list[dict[str, Any]]:
    policy = folder.settings.policy
    names = {charge.run: charge.experiment for charge in budget.charges}
    rounds: dict[str, set[int]] = {
        run: {charge.round for charge in budget.of_run(run)} for run in names
    }

    def note(entry: Entry) -> None:
        if entry["kind"] == "train":
            names.setdefault(entry["run"], entry["experiment"])
            rounds.setdefault(entry["run"], set()).add(entry["round"])

    walk(folder.outbound, note)
    found = []
    for run, experiment in names.items():
        spendings = [charge.spending for charge in budget.of_run(run)]
        by: dict[str, float | None] = {
            name: epsilon(spendings, policy.delta, name) if spendings else None for name in BOTH
        }
        found.append(
            {
                "digest": run,
                "experiment": experiment,
                "rounds": len(rounds[run]),
                "epsilon": by[policy.accountant],
                **by,
            }
        )
    return found
