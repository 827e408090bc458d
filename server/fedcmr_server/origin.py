"""Provenance of a release, from what the run recorded."""

import datetime as dt
from collections.abc import Collection

import fedcmr
from fedcmr.config import Experiment
from fedcmr.federation.contract import code_digest
from fedcmr.release.provenance import (
    MissedRound,
    PrivacySpent,
    Provenance,
    RoundRecord,
    SitePart,
    SiteRecord,
    round_record,
)
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
    by_site = {name for name, cohort in state.cohorts.items() if cohort.results_by_site}
    spent = {name: _spent(name, state, experiment) for name in state.cohorts}
    return Provenance(
        run=run,
        started=dt.datetime.fromisoformat(state.started),
        finished=dt.datetime.now(dt.UTC).replace(microsecond=0),
        package_version=fedcmr.__version__,
        code_digest=code_digest(),
        experiment_digest=experiment.digest(),
        preprocessing_digest=experiment.preprocessing.digest(),
        pretrained=state.pretrained or None,
        released_round=state.best_round if best else state.finished_rounds,
        sites=tuple(_site(name, state, spent.get(name)) for name in state.names()),
        history=tuple(
            _round(record, by_site, private=experiment.privacy.private) for record in state.rounds
        ),
        privacy=max(
            (it for it in spent.values() if it is not None),
            key=lambda it: it.epsilon,
            default=None,
        ),
        phantom=any(cohort.phantom for cohort in state.cohorts.values()),
        partial=bool(shortfalls),
        shortfalls=tuple(line(shortfall) for shortfall in shortfalls),
    )


def _site(name: str, state: RunState, privacy: PrivacySpent | None) -> SiteRecord:
    cohort = state.cohorts.get(name)
    is_open = cohort is not None and cohort.results_by_site
    validates = cohort is not None and cohort.role == "validate"
    missed = tuple(
        MissedRound(round=record.round, reason=line(_reason(name, record, state)))
        for record in state.rounds
        if name not in _merged(record) and not validates
    )
    return SiteRecord(
        name=name,
        role="validate" if validates else "train",
        results_by_site=cohort is None or is_open,
        examples=(cohort.train if is_open else None) if cohort else 0,
        rounds_contributed=sum(name in _merged(record) for record in state.rounds),
        rounds_missed=missed,
        privacy=privacy if is_open else None,
    )


def _merged(record: FinishedRound) -> list[str]:
    return [name for name in record.contributed if name not in record.unused]


def _reason(name: str, record: FinishedRound, state: RunState) -> str:
    if name in record.unused:
        return "trained, but the strategy left its update out"
    if name in record.missed:
        return record.missed[name]
    return state.refused.get(name, "") if name not in state.cohorts else "not yet part of the run"


def _spent(name: str, state: RunState, experiment: Experiment) -> PrivacySpent | None:
    """Return the last epsilon that a site told: it only grows."""
    settings = experiment.privacy
    told = [
        part
        for record in state.rounds
        if (part := record.contributed.get(name)) is not None and part.epsilon is not None
    ]
    if not told:
        return None
    return PrivacySpent.model_validate(
        {
            "mechanism": settings.mechanism,
            "epsilon": max(part.epsilon or 0.0 for part in told),
            "delta": settings.delta,
            "accountant": settings.accountant,
            "max_grad_norm": settings.max_grad_norm,
        }
    )


def _round(record: FinishedRound, by_site: Collection[str], *, private: bool) -> RoundRecord:
    return round_record(
        record.round,
        (
            SitePart(
                site=name,
                examples=part.examples,
                loss=None if private else part.loss,
                seconds=part.seconds,
            )
            for name, part in record.contributed.items()
            if name not in record.unused
        ),
        by_site=by_site,
        validation_loss=record.validation.loss if record.validation else None,
        seconds=record.seconds,
        finished=dt.datetime.fromisoformat(record.finished),
    )


def line(text: str) -> str:
    """Return at most 200 printable characters."""
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    return printable[:200] or "no reason given"
