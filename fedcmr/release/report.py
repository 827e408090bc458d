"""`report.html` from the facts of a run, and from nothing else."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fedcmr.config import Experiment
from fedcmr.evaluation.results import Metrics
from fedcmr.page.render import environment
from fedcmr.page.stamp import stamps
from fedcmr.release.description import Description
from fedcmr.release.figures.calibration import calibration
from fedcmr.release.figures.comparison import comparison
from fedcmr.release.figures.forest import forests
from fedcmr.release.figures.roc import roc
from fedcmr.release.figures.timeline import stretches, timeline
from fedcmr.release.figures.training import training
from fedcmr.release.provenance import Provenance
from fedcmr.release.tables import by_table
from fedcmr.release.thresholds import NAMES, rule_words


@dataclass(frozen=True)
class Absence:
    """A site that missed rounds for one reason."""

    site: str
    rounds: str
    """Such as "1–3, 7"."""
    reason: str


def render_report(description: Description, metrics: Metrics, provenance: Provenance) -> str:
    """Return one HTML page that asks nothing of any other machine and needs no JavaScript."""
    made = environment("fedcmr.release")
    made.filters["rule_words"] = rule_words
    return made.get_template("report.html.j2").render(
        stamps=stamps(phantom=provenance.phantom, partial=provenance.partial),
        description=description,
        experiment=description.experiment,
        samples=description.experiment.preprocessing.samples,
        settings=flat(description.experiment),
        metrics=metrics,
        provenance=provenance,
        tables=by_table(metrics),
        thresholds=NAMES,
        absences=list(absences(provenance)),
        figures={
            "forests": forests(metrics),
            "roc": roc(metrics),
            "calibration": calibration(metrics),
            "comparison": comparison(metrics),
            "training": training(provenance),
            "timeline": timeline(provenance),
        },
    )


def absences(provenance: Provenance) -> Iterator[Absence]:
    """Give every reason for which a site missed rounds, with these rounds."""
    for site in provenance.sites:
        rounds: dict[str, list[int]] = {}
        for missed in sorted(site.rounds_missed, key=lambda entry: entry.round):
            rounds.setdefault(missed.reason, []).append(missed.round)
        for reason, numbers in rounds.items():
            spans = (
                str(first) if first == last else f"{first}–{last}"
                for first, last in stretches(numbers)
            )
            yield Absence(site.name, ", ".join(spans), reason)


def flat(experiment: Experiment) -> dict[str, Any]:
    """Return "section.key" to value, in the order of the settings file."""
    settings: dict[str, Any] = {}
    for section, value in experiment.model_dump(mode="json").items():
        if isinstance(value, dict):
            settings |= {f"{section}.{key}": entry for key, entry in value.items()}
        else:
            settings[section] = value
    return settings
