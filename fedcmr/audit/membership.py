"""Membership inference at the site: by the loss, and by likelihood ratio with shadow models.

Loss threshold: Yeom et al., CSF 2018. Likelihood ratio: LiRA, Carlini et al., IEEE S&P 2022, online
form with one variance for all patients, as they advise for few shadow models. Both here know the
training recipe and the site's own patients: more than an outsider does.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn

from fedcmr.audit.attack import Attack, judge
from fedcmr.config import Experiment
from fedcmr.data.record import StudyRecord
from fedcmr.data.store import Dataset
from fedcmr.errors import DataError
from fedcmr.models.registry import build
from fedcmr.privacy.accounting import epsilon, plan
from fedcmr.privacy.dp_sgd import DpSgd, dp_sgd
from fedcmr.tasks.registry import task
from fedcmr.training.local import train_round
from fedcmr.training.scoring import score
from fedcmr.types import DoubleArray, Split

LEAST_PATIENTS = 4
"""Members, and others, below which no rate means anything."""
SMALLEST_LOSS, LARGEST_LOSS = 1e-12, 50.0


@dataclass(frozen=True)
class Audit:
    """What the attacks found at one site."""

    attacks: tuple[Attack, ...]
    epsilon: float | None
    """Spent if the site trained in every round; None without differential privacy."""
    delta: float


def audit(
    model: nn.Module,
    experiment: Experiment,
    dataset: Dataset,
    *,
    shadows: int,
    epochs: int,
    seed: int,
    said: Callable[[str], None] = lambda _: None,
) -> Audit:
    """Attack a released network: members are the training patients, others all labelled rest.

    Args:
        model: of the release.
        experiment: its settings.
        dataset: of the site that took part.
        shadows: shadow models, each trained on a random half of all patients; 0: no LiRA.
        epochs: of a shadow model; under DP-SGD all rounds' private steps instead.
        seed: of the halves and of the shadow models' first weights.
        said: is told about progress.

    Raises:
        DataError: too few labelled patients, or an array cannot be read.
        ConfigurationError: the data set is of another experiment, or its epsilon does not fit the
            site.
    """
    dataset.check(experiment.preprocessing)
    named = task(experiment.task)
    labelled = named.labelled(dataset.records)
    members = sorted({record.patient for record in labelled if record.split == "train"})
    others = sorted({record.patient for record in labelled} - set(members))
    if min(len(members), len(others)) < LEAST_PATIENTS:
        raise DataError(
            f"{len(members)} patients to train on and {len(others)} others are too few to attack",
            fix="audit at a larger site",
        )
    spent, delta = _spent(experiment, len(members)), experiment.privacy.delta
    everyone = [*members, *others]
    inside = np.arange(len(everyone)) < len(members)

    def verdict(name: str, scores: DoubleArray) -> Attack:
        return judge(name, scores[inside], scores[~inside], delta=delta)

    confidence = _confidence(model, experiment, dataset, everyone)
    attacks = [verdict("loss threshold", confidence)]
    if shadows:
        ratio = _likelihood_ratio(
            confidence, experiment, dataset, labelled, everyone, shadows, epochs, seed, said
        )
        attacks.append(verdict("likelihood ratio", ratio))
    return Audit(tuple(attacks), spent, delta)


def _spent(experiment: Experiment, patients: int) -> float | None:
    if not experiment.privacy.private:
        return None
    rounds = [plan(experiment, patients)] * experiment.federation.rounds
    return epsilon(rounds, experiment.privacy.delta, experiment.privacy.accountant)


def _confidence(
    model: nn.Module, experiment: Experiment, dataset: Dataset, patients: list[str]
) -> DoubleArray:
    """Return the logit of the right class, mean over each patient's studies, (P,)."""
    found: dict[str, list[float]] = {patient: [] for patient in patients}
    for split in ("train", "validation", "test"):
        scored = score(model, task(experiment.task), dataset, split)
        losses = scored.losses.clip(SMALLEST_LOSS, LARGEST_LOSS)
        for record, logit in zip(scored.records, -np.log(np.expm1(losses)), strict=True):
            found[record.patient].append(float(logit))
    return np.array([np.mean(found[patient]) for patient in patients])


def _likelihood_ratio(
    confidence: DoubleArray,
    experiment: Experiment,
    dataset: Dataset,
    labelled: tuple[StudyRecord, ...],
    patients: list[str],
    shadows: int,
    epochs: int,
    seed: int,
    said: Callable[[str], None],
) -> DoubleArray:
    """Return log p(confidence | trained on) - log p(confidence | not), (P,)."""
    generator = np.random.default_rng(seed)
    # In pairs of complementary halves, so that everybody is inside as often as outside.
    trained_on = np.zeros((2 * -(-shadows // 2), len(patients)), bool)
    for pair in range(0, len(trained_on), 2):
        half = generator.permutation(len(patients)) < len(patients) // 2
        trained_on[pair], trained_on[pair + 1] = half, ~half
    seen = []
    for number, half in enumerate(trained_on):
        said(f"shadow model {number + 1} of {len(trained_on)}")
        chosen = {patient for patient, inside in zip(patients, half, strict=True) if inside}
        shadow = _shadow(experiment, dataset, labelled, chosen, epochs, seed + number)
        seen.append(_confidence(shadow, experiment, dataset, patients))
    values = np.array(seen)

    def mean(mask: np.ndarray) -> DoubleArray:
        total: DoubleArray = np.where(mask, values, 0).sum(0) / mask.sum(0)
        return total

    centres = mean(trained_on), mean(~trained_on)
    spreads = [
        float(np.sqrt(np.mean((values - centre)[mask] ** 2)) + 1e-6)
        for centre, mask in zip(centres, (trained_on, ~trained_on), strict=True)
    ]
    inside, outside = (
        -(((confidence - centre) / spread) ** 2) / 2 - np.log(spread)
        for centre, spread in zip(centres, spreads, strict=True)
    )
    ratio: DoubleArray = inside - outside
    return ratio


def _shadow(
    experiment: Experiment,
    dataset: Dataset,
    labelled: tuple[StudyRecord, ...],
    chosen: set[str],
    epochs: int,
    seed: int,
) -> nn.Module:
    """Train a network by the same recipe on the chosen patients alone."""
    split: Split = "train"
    records = tuple(replace(row, split=split) for row in labelled if row.patient in chosen)
    settings = experiment.training.model_copy(update={"seed": seed})
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = build(experiment.model, experiment.preprocessing)
    train_round(
        model,
        task(experiment.task),
        replace(dataset, records=records),
        settings,
        start_step=0,
        epochs=epochs,
        privacy=_all_rounds(experiment, len(chosen)),
    )
    return model


def _all_rounds(experiment: Experiment, patients: int) -> DpSgd | None:
    mechanism = dp_sgd(experiment, patients)
    if mechanism is None:
        return None
    spending = mechanism.spending
    steps = spending.steps * experiment.federation.rounds
    return replace(mechanism, spending=replace(spending, steps=steps))
