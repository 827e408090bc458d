"""The end of a run: a last evaluation, what stayed below plan, the signed release."""

import logging
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from fedcmr.errors import PartialRun
from fedcmr.evaluation.metrics import metrics
from fedcmr.evaluation.sums import EvaluationSums
from fedcmr.release.bundle import write_release
from fedcmr.types import FloatArray
from fedcmr_server.disk import writing
from fedcmr_server.last_evaluation import last_evaluation
from fedcmr_server.origin import provenance
from fedcmr_server.rounds import Rounds
from fedcmr_server.status import Phase

log = logging.getLogger("fedcmr")


@dataclass(frozen=True)
class Outcome:
    """A finished run."""

    release: Path
    shortfalls: tuple[str, ...]
    """What stayed below plan; empty for a complete run."""


def finish(
    rounds: Rounds,
    release: Path,
    signing_key: Path,
    *,
    others: Mapping[str, FloatArray],
    left_out: Mapping[str, EvaluationSums],
) -> Outcome:
    """Evaluate the selected weights and release them.

    Args:
        rounds: trained to the end.
        release: folder to write.
        signing_key: signs it.
        others: name of another model to its weights (P,), for a comparison on the same cases.
        left_out: site to its test cases under the model that was trained without it.

    Raises:
        PartialRun: no site has trained.
        DataError: no site has a labelled test case, or the disk is full; the run can go on.
    """
    state = rounds.state
    if not any(part.examples for record in state.rounds for part in record.contributed.values()):
        raise PartialRun("no release: no site has trained")
    rounds.board.write("evaluating", state.finished_rounds)
    weights, done = rounds.selected(), state.finished_rounds
    found = last_evaluation(rounds, weights, others)
    rounds.note_sites()
    state = rounds.state
    shortfalls = (*_shortfalls(rounds, found.evaluated), *found.shortfalls)
    results = metrics(
        found.validation,
        found.test,
        found.per_site,
        rounds.experiment.evaluation,
        open_sites=[name for name, cohort in state.cohorts.items() if cohort.results_by_site],
        external=[name for name, cohort in state.cohorts.items() if cohort.role == "validate"],
        calibration=found.calibration,
        comparisons=found.comparisons,
        membership=found.membership,
        left_out=left_out,
        refined=found.refined,
    )
    with writing(release):
        write_release(
            release,
            state=rounds.layout.unpack(weights),
            experiment=rounds.experiment,
            metrics=results,
            provenance=provenance(rounds.state, rounds.experiment, release.parent.name, shortfalls),
            signing_key=signing_key,
        )
    took_part = {name: _part(rounds, name) for name in rounds.state.names()}
    phase: Phase = "partial" if shortfalls else "finished"
    rounds.board.end(phase, done, took_part, "; ".join(shortfalls))
    log.info("released %s", release)
    return Outcome(release, shortfalls)


def _shortfalls(rounds: Rounds, evaluated: Collection[str]) -> Iterator[str]:
    state = rounds.state
    for name in sorted({*state.names(), *rounds.sites.enrolled()} - {*state.cohorts}):
        yield f"{name} took no part: {_why(rounds, name)}"
    for name in sorted(state.cohorts):
        missed = sum(name in record.missed for record in state.rounds)
        missed += sum(
            name not in record.contributed and name not in record.missed
            for record in state.rounds
            if rounds.quorum.trains(name)
        )
        if missed:
            yield f"{name} missed {missed} of {state.finished_rounds} rounds"
        if name not in evaluated:
            yield f"{name} was not evaluated"


def _why(rounds: Rounds, name: str) -> str:
    if name in rounds.state.refused or name in rounds.sites.enrolled():
        return rounds.state.refused.get(name, "it never came")
    missed = [record.missed[name] for record in rounds.state.rounds if name in record.missed]
    return missed[-1]  # it is known by that alone


def _part(rounds: Rounds, name: str) -> str:
    state = rounds.state
    if name not in state.cohorts:
        return f"refused: {state.refused[name]}" if name in state.refused else "never came"
    if not rounds.quorum.trains(name):
        return "validated"
    trained = sum(name in record.contributed for record in state.rounds)
    return f"trained {trained} of {state.finished_rounds} rounds"
