"""Leave one site out: the same experiment without each site in turn, evaluated on that site."""

import logging
from pathlib import Path

from fedcmr.config import Experiment
from fedcmr.errors import DataError, PartialRun
from fedcmr.evaluation.sums import EvaluationSums
from fedcmr.settings import parse_settings
from fedcmr_server.disk import replace_file
from fedcmr_server.rounds import Rounds

log = logging.getLogger("fedcmr")

RESULT = "left-out.json"
"""Sums of the left-out site, in the folder of the run without it."""


def without(experiment: Experiment, site: str) -> Experiment:
    """Return the experiment that leaves a site out; its own digest is approved by every site.

    Raises:
        ConfigurationError: the name becomes too long.
    """
    data = experiment.model_dump(mode="json")
    data["name"] = f"{experiment.name}-without-{site}"
    return parse_settings(data, Experiment, where=f"leaving out {site}")


def leave_one_out(whole: Rounds, folder: Path) -> dict[str, EvaluationSums]:
    """Train without each site in turn and return each site's test cases under that model.

    Every run lies in a folder of its own; after a crash what is finished is not done again.

    Args:
        whole: the run with all sites, trained to the end.
        folder: of that run.

    Raises:
        PartialRun: too few sites, or a site was not there to be evaluated.
    """
    trained = [name for name, cohort in sorted(whole.state.cohorts.items()) if cohort.train]
    if len(trained) < 2:
        raise PartialRun("leaving one site out needs two that train")
    found = {}
    for name in trained:
        experiment, place = without(whole.experiment, name), folder / f"without-{name}"
        if not (place / RESULT).exists():
            whole.board.write("training", whole.state.finished_rounds, f"leaving out {name}")
            log.info("without %s: sites approve it by its digest, %s", name, experiment.digest())
            _run(whole, experiment, name, place)
        text = (place / RESULT).read_text("utf-8")
        found[name] = EvaluationSums.from_json(text, where=str(place / RESULT))
    return found


def _run(whole: Rounds, experiment: Experiment, name: str, place: Path) -> None:
    try:
        place.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise DataError(f"cannot write: {error.strerror}", where=str(place)) from None
    rounds = Rounds(
        experiment,
        place,
        whole.sites.link,
        whole.sites.admit,
        excluded=[name],
        pretrained=whole.pretrained,
    )
    rounds.train()
    sums = rounds.evaluation.sums(
        rounds.selected(),
        "test",
        awaited=[name],
        finished=rounds.state.finished_rounds,
        only=[name],
    )
    if name not in sums:
        raise PartialRun(
            f"{name} was not there to be evaluated without it",
            fix="start it and give the same command again: the run goes on",
        )
    text = sums[name].to_json()
    replace_file(place / RESULT, lambda file: file.write(text.encode()))
