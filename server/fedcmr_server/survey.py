"""Before any training: what the sites hold, as sums, on one page."""

import logging
from dataclasses import dataclass
from operator import methodcaller
from pathlib import Path

from fedcmr.config import Experiment
from fedcmr.errors import PartialRun
from fedcmr.federation import messages as wire
from fedcmr.survey.contradictions import contradictions
from fedcmr.survey.page import PAGE, survey_files
from fedcmr.survey.sums import SurveySums
from fedcmr_server.disk import replace_file
from fedcmr_server.exchange import Exchange
from fedcmr_server.replies import Unusable, answer, distrust
from fedcmr_server.rounds import Rounds

log = logging.getLogger("fedcmr")


@dataclass(frozen=True)
class Surveyed:
    """A finished survey."""

    page: Path
    contradictions: dict[str, tuple[str, ...]]
    """Site to what of its data contradicts the experiment."""
    missing: dict[str, str]
    """Site to the reason why it was not counted."""


def survey(rounds: Rounds, experiment: Experiment, folder: Path) -> Surveyed:
    """Ask every site for its counts and write the page, and its tables beside it.

    Waits for all enrolled sites, at most `site_wait_s`; then the quorum suffices.

    Raises:
        PartialRun: fewer sites than the quorum answered.
        DataError: the disk is full.
    """
    found: dict[str, SurveySums] = {}
    reasons: dict[str, str] = {}
    sites, quorum = rounds.sites, rounds.quorum
    with sites.content({}) as parcel:
        exchange = Exchange(
            sites,
            parcel,
            wire.ASK_SURVEY,
            wanted=lambda name: True,
            is_enough=lambda: {*sites.enrolled()} <= exchange.answered.keys(),
            deadline_s=experiment.federation.round_deadline_s,
            patience_s=experiment.federation.site_wait_s,
            looked=lambda _: rounds.board.keep("surveying", 0, done=found),
        )
        for name, reply in exchange.replies():
            try:
                with distrust("survey"):
                    text = answer(reply, wire.SURVEY)
                    found[name] = SurveySums.from_json(text, where="survey")
            except Unusable as error:
                reasons[name] = str(error)
                log.warning("%s was not counted: %s", name, error)
    missing = quorum.absence(found, reasons)
    if not quorum.is_met(found):
        lines = "; ".join(f"{name}: {reason}" for name, reason in missing.items())
        problem = PartialRun(f"survey of {len(found)} of {quorum.needed()} sites; missing {lines}")
        rounds.board.write("stopped", 0, str(problem))
        raise problem
    open_sites = [name for name in found if sites.cohorts[name].results_by_site]
    for name, text in survey_files(found, experiment, by_site=open_sites).items():
        replace_file(folder / name, methodcaller("write", text.encode()))
    rounds.board.write("surveyed", 0, f"page: {PAGE}")
    return Surveyed(folder / PAGE, contradictions(found, experiment), missing)
