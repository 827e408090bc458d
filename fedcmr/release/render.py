"""`report.html` and `MODEL_CARD.md` from the facts of a run, and from nothing else."""

import re
from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from fedcmr.config import Experiment
from fedcmr.evaluation.metrics import SUPPRESSED
from fedcmr.release.description import Description
from fedcmr.release.figure import training_curve
from fedcmr.release.provenance import Provenance

_MARKDOWN = re.compile(r"([\\`*_\[\]<>|#])")


def render_report(
    description: Description, metrics: Mapping[str, Any], provenance: Provenance
) -> str:
    """Return one HTML page that asks nothing of any other machine and needs no JavaScript."""
    curve = training_curve(provenance) if provenance.history else None
    return _render("report.html.j2", description, metrics, provenance, curve=curve)


def render_card(
    description: Description, metrics: Mapping[str, Any], provenance: Provenance
) -> str:
    """Return the model card in Markdown."""
    return _render("MODEL_CARD.md.j2", description, metrics, provenance)


def _render(
    name: str,
    description: Description,
    metrics: Mapping[str, Any],
    provenance: Provenance,
    **more: Any,
) -> str:
    environment = Environment(
        loader=PackageLoader("fedcmr.release"),
        autoescape=select_autoescape(("html.j2",)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_escape_markdown if name.endswith(".md.j2") else None,
    )
    environment.filters |= {"estimate": _estimate, "number": _number}
    return environment.get_template(name).render(
        description=description,
        experiment=description.experiment,
        settings=_flat(description.experiment),
        metrics=metrics,
        provenance=provenance,
        suppressed=SUPPRESSED,
        **more,
    )


def _escape_markdown(value: object) -> object:
    """Keep words that came from a site from becoming markup."""
    return _MARKDOWN.sub(r"\\\1", value) if isinstance(value, str) else value


def _estimate(result: Mapping[str, float] | str) -> str:
    """Write "0.873 (0.810 to 0.921)", or the word that stands in its place."""
    if isinstance(result, str):
        return result
    if "low" not in result:
        return _number(result["value"])
    return " ".join(
        (_number(result["value"]), f"({_number(result['low'])} to {_number(result['high'])})")
    )


def _number(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.3f}"


def _flat(experiment: Experiment) -> dict[str, Any]:
    """Return "section.key" to value, in the order of the settings file."""
    flat: dict[str, Any] = {}
    for section, value in experiment.model_dump(mode="json").items():
        if isinstance(value, dict):
            flat |= {f"{section}.{key}": entry for key, entry in value.items()}
        else:
            flat[section] = value
    return flat
