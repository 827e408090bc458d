"""What a person at the site reads before saying yes to a run."""

from collections.abc import Iterator

import yaml

from fedcmr.config import Experiment
from fedcmr.federation.cohort import Cohort
from fedcmr.privacy.policy import Policy
from fedcmr_client.approval import SHORTEST_PREFIX
from fedcmr_client.gate import Gate


def proposal(
    experiment: Experiment, gate: Gate, policy: Policy, cohort: Cohort, parameters: int
) -> str:
    """Return the page: the experiment, what would leave and how often, what would be spent.

    Args:
        experiment: as the coordinator sent it.
        gate: of this site and experiment.
        policy: of this site.
        cohort: what the handshake would tell.
        parameters: length of the weight vector.
    """
    lines = [
        f"experiment {experiment.name}, digest {experiment.digest()}",
        "what would leave this site:",
        *_leaves(experiment, cohort, parameters),
        "what would be spent:",
        *_spends(experiment, gate, policy),
        "to take part:  fedcmr-client approve " + experiment.digest()[:SHORTEST_PREFIX],
        "to stop later: fedcmr-client withdraw " + experiment.digest()[:SHORTEST_PREFIX],
        "the whole experiment:",
    ]
    whole = yaml.safe_dump(experiment.model_dump(mode="json"), sort_keys=False)
    return "\n".join([*lines, *(f"  {line}" for line in whole.splitlines())])


def _leaves(experiment: Experiment, cohort: Cohort, parameters: int) -> Iterator[str]:
    yield (
        f"  on every connection: that you hold {cohort.train} labelled studies to train on,"
        f" {cohort.validation} to validate, {cohort.test} to test"
    )
    if cohort.train:
        yield (
            f"  in each of {experiment.federation.rounds} rounds: {parameters} weights"
            f" ({4 * parameters / 1e6:.2f} MB), studies, steps, mean loss, seconds"
        )
    yield (
        f"  in each of {experiment.federation.rounds} rounds and at the end: per class, overall and"
        " by group, a histogram of the scores of your validation or test studies, about 0.1 MB"
    )


def _spends(experiment: Experiment, gate: Gate, policy: Policy) -> Iterator[str]:
    if gate.mechanism is None:
        yield (
            "  nothing is trained here"
            if not gate.patients.members
            else "  no differential privacy: nothing bounds what the weights tell of a patient"
        )
        return
    planned, privacy = gate.mechanism.spending, experiment.privacy
    yield (
        f"  each round: {planned.steps} steps with noise {planned.noise_multiplier:.3f}, each"
        f" patient in a step with probability {planned.sample_rate:.3f}"
    )
    yield f"  this run: epsilon {gate.of_run():.3f} at delta {privacy.delta:g}"
    budget = "no limit" if policy.largest_epsilon is None else f"{policy.largest_epsilon:g}"
    yield (
        f"  your patients after it, over all runs: epsilon {gate.reached():.3f} at delta"
        f" {policy.delta:g}; your policy: {budget}"
    )
