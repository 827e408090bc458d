"""`MODEL_CARD.md` from the facts of a run, and from nothing else."""

import re

from markupsafe import Markup

from fedcmr.evaluation.results import Metrics
from fedcmr.page.render import environment
from fedcmr.release.checklists import CLAIM, TRIPOD_AI
from fedcmr.release.description import Description
from fedcmr.release.facts import facts
from fedcmr.release.provenance import Provenance
from fedcmr.release.report import absences
from fedcmr.release.tables import by_table
from fedcmr.release.thresholds import rule_words

NOT_PROVIDED = "NOT PROVIDED"

_MARKDOWN = re.compile(r"([\\`*_\[\]<>|#])")


def render_card(description: Description, metrics: Metrics, provenance: Provenance) -> str:
    """Return the model card in Markdown."""
    known = facts(description, metrics, provenance)
    made = environment("fedcmr.release", finalize=_escape)
    made.filters["rule_words"] = rule_words
    return made.get_template("MODEL_CARD.md.j2").render(
        description=description,
        experiment=description.experiment,
        samples=description.experiment.preprocessing.samples,
        metrics=metrics,
        provenance=provenance,
        tables=by_table(metrics),
        absences=list(absences(provenance)),
        checklists={
            "CLAIM, 2024 update": [(i.number, i.words, known.get(i.fact)) for i in CLAIM],
            "TRIPOD+AI": [(i.number, i.words, known.get(i.fact)) for i in TRIPOD_AI],
        },
        not_provided=NOT_PROVIDED,
    )


def _escape(value: object) -> object:
    """Keep words that came from a site from becoming markup; a macro has escaped its own."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return _MARKDOWN.sub(r"\\\1", value)
