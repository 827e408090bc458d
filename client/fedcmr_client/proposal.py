"""What a person at the site reads before saying yes to a run."""

from collections.abc import Iterator

import yaml

from fedcmr.config import Experiment
from fedcmr.evaluation.joint import JOINT_BINS
from fedcmr.evaluation.sums import MOST_BINS
from fedcmr.federation.cohort import Cohort
from fedcmr.federation.precision import size_of
from fedcmr.privacy.policy import Policy
from fedcmr_client.approval import SHORTEST_PREFIX
from fedcmr_client.gate import Gate
from fedcmr_client.limits import (
    CALIBRATIONS,
    COMPARISONS,
    EVALUATIONS_PER_ROUND,
    FINAL_EVALUATIONS,
    MEMBERSHIP_EVALUATIONS,
)


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
        *_leaves(experiment, policy, cohort, parameters),
        "what would be spent:",
        *_spends(experiment, gate, policy),
        "to take part:  fedcmr-client approve " + experiment.digest()[:SHORTEST_PREFIX],
        "to stop later: fedcmr-client withdraw " + experiment.digest()[:SHORTEST_PREFIX],
        "the whole experiment:",
    ]
    whole = yaml.safe_dump(experiment.model_dump(mode="json"), sort_keys=False)
    return "\n".join([*lines, *(f"  {line}" for line in whole.splitlines())])


def _leaves(
    experiment: Experiment, policy: Policy, cohort: Cohort, parameters: int
) -> Iterator[str]:
    rounds, bins = experiment.federation.rounds, policy.most_bins or MOST_BINS
    joint = min(bins, JOINT_BINS)
    private, samples = experiment.privacy.private, experiment.preprocessing.samples
    trained = "patients" if private else samples
    size = size_of(parameters, experiment.federation.update_precision)
    yield (
        f"  on every connection: that you hold {cohort.train} labelled"
        f" {trained} to train on, {cohort.validation} {samples} to"
        f" validate, {cohort.test} to test; whether any is synthetic; your role; whether a release"
        " may print your own results"
    )
    if cohort.train:
        yield (
            f"  in each of {rounds} rounds: {parameters} weights"
            f" ({size / 1e6:.2f} MB), {trained}, steps, mean loss, seconds"
            + (", epsilon spent" if private else "")
        )
    yield (
        f"  of your validation and of your test {samples}, each at most"
        f" {EVALUATIONS_PER_ROUND * rounds + FINAL_EVALUATIONS} times: per class, overall and by"
        f" group, a histogram of the scores in at most {bins} bins; sums of loss and squared error"
    )
    if not private:
        yield (
            f"  of your TRAINING {samples}, at most {MEMBERSHIP_EVALUATIONS} times: the same, to"
            " tell how well the model gives away who was trained on"
        )
    yield (
        f"  of your validation and of your test {samples}, each at most {COMPARISONS} times: per"
        f" class, a joint histogram of the scores of two models, at most {joint} bins for either:"
        f" few {samples} or one in a cell; and the sum of the scores in each bin"
    )
    yield (
        f"  of your validation and of your test {samples}, each at most {CALIBRATIONS} times: the"
        f" number of {samples} and sums over their scores, to fit a calibration line"
    )
    yield (
        "  whenever a survey is asked for: how many patients and studies, by class, split, scanner,"
        " sex, age band, aetiology and quality flag"
        + ("; how many slices, by class" if samples == "slices" else "")
        + "; histograms of image measures and intensity"
    )
    if policy.withheld_strata:
        yield f"  never broken down by: {', '.join(policy.withheld_strata)}"
    yield "  whenever you refuse: one sentence why, without paths or patients"


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
