"""Provenance of a release, from what the run recorded."""

import datetime as dt

import fedcmr
from fedcmr.config import Experiment
from fedcmr.federation.contract import code_digest
from fedcmr.release.provenance import MissedRound, Provenance, RoundRecord, SiteRecord
from fedcmr_server.state import RoundRecord as FinishedRound
from fedcmr_server.state import RunState


def provenance(
    state: RunState, experiment: Experiment, run: str, shortfalls: tuple[str, ...]
) -> Provenance:
    """Return who contributed what, when, and with which code and settings.

    Args:
        state: of the finished run.
        experiment: what was run.
        run: name of the run's folder.
        shortfalls: what stayed below plan.
    """
    best = experiment.federation.select == "best_validation"
    return Provenance(
        run=run,
        started=dt.datetime.fromisoformat(state.started),
        finished=dt.datetime.now(dt.UTC).replace(microsecond=0),
        package_version=fedcmr.__version__,
        code_digest=code_digest(),
        experiment_digest=experiment.digest(),
        preprocessing_digest=experiment.preprocessing.digest(),
        released_round=state.best_round if best else state.finished_rounds,
        sites=tuple(_site(name, state) for name in sorted({*state.cohorts, *state.refused})),
        history=tuple(_round(record) for record in state.rounds),
        phantom=any(cohort.phantom for cohort in state.cohorts.values()),
        partial=bool(shortfalls),
    )


def _site(name: str, state: RunState) -> SiteRecord:
    missed = [
        MissedRound(
            round=record.round, reason=_line(record.missed.get(name, "not yet part of the run"))
        )
        for record in state.rounds
        if name not in record.contributed
    ]
    if name not in state.cohorts:
        missed = [
            MissedRound(round=record.round, reason=_line(state.refused[name]))
            for record in state.rounds
        ]
    return SiteRecord(
        name=name,
        examples=state.cohorts[name].train if name in state.cohorts else 0,
        rounds_contributed=sum(name in record.contributed for record in state.rounds),
        rounds_missed=tuple(missed),
    )


def _round(record: FinishedRound) -> RoundRecord:
    parts = record.contributed.values()
    return RoundRecord(
        round=record.round,
        sites=tuple(sorted(record.contributed)),
        loss=sum(part.examples * part.loss for part in parts)
        / sum(part.examples for part in parts),
        validation_loss=record.validation_loss,
        seconds=record.seconds,
    )


def _line(reason: str) -> str:
    printable = "".join(letter if letter.isprintable() else " " for letter in reason)
    return printable[:200] or "no reason given"
