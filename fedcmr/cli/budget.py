"""`fedcmr demo --dp`: sites with a privacy budget, one of which has no room for a second run."""

import json
from pathlib import Path

import yaml

from fedcmr.cli.demonstration import Demonstration
from fedcmr.config import Experiment
from fedcmr.errors import CheckFailed, PolicyRefusal
from fedcmr.settings import load_settings

ONE_RUN, THREE_RUNS = 1.1, 3.0
"""Budgets as multiples of what a run may spend."""


def give_budgets(demo: Demonstration, experiment: Path) -> None:
    """Write each site's policy; the first site's budget is enough for one run alone."""
    privacy = load_settings(experiment, Experiment).privacy
    assert privacy.target_epsilon is not None
    for number, name in enumerate(demo.names):
        largest = (THREE_RUNS if number else ONE_RUN) * privacy.target_epsilon
        policy = {
            "approval": "ask",
            "require_dp": True,
            "largest_epsilon": round(largest, 2),
            "delta": privacy.delta,
            "accountant": privacy.accountant,
        }
        with (demo.site(name) / "site.yaml").open("a", encoding="utf-8") as settings:
            settings.write(yaml.safe_dump({"policy": policy}))
        demo.say(f"{name}: a patient's budget is epsilon {largest:g} over all runs")


def run_again(demo: Demonstration, experiment: Path) -> Path:
    """Run the experiment under another name and return the release of the sites that could.

    Raises:
        CheckFailed: the first site took part, or did not end with the exit code of a refusal.
    """
    again = demo.out / "again.yaml"
    settings = yaml.safe_load(experiment.read_text(encoding="utf-8"))
    settings["name"] += "-again"
    settings["federation"]["quorum"] = len(demo.names) - 1
    again.write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
    demo.say("the same experiment under another name: a second run on the same patients")
    federated = demo.federate(again, code=7)
    first = demo.names[0]
    if federated.ended != {first: PolicyRefusal.exit_code}:
        raise CheckFailed(f"{first} alone was to refuse; clients ended with {federated.ended}")
    provenance = json.loads((federated.release / "provenance.json").read_text("utf-8"))
    [reason] = {
        missed["reason"]
        for site in provenance["sites"]
        if site["name"] == first
        for missed in site["rounds_missed"]
    }
    demo.say(f"{first} refused before it trained and ended with 6: {reason}")
    demo.say(f"the other sites finished without it, PARTIAL: {federated.release}")
    return federated.release
