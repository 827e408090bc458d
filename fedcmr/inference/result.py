"""`predictions.csv` and `predictions.json`: what a release says about an export.

For local use only: unlike anything that leaves a site, both files name studies by the hospital's
own StudyInstanceUID and folder, or nobody could tell whose score it is.
"""

import csv
import io
import json
from dataclasses import dataclass
from typing import Any

from fedcmr.ingest.study import Exclusion
from fedcmr.release.open import OpenRelease

CSV, JSON = "predictions.csv", "predictions.json"
PICTURES = "pictures"
"""Folder beside them: `NUMBER.png` for a study, where the site's own weights were given."""


@dataclass(frozen=True)
class Prediction:
    """One study: either a score and its class, or the reason why there is none."""

    study_instance_uid: str
    folder: str
    """Relative to the export; holds all files that were used."""
    score: float | None
    """Probability of class 1; where a sample is a slice, the highest of the slices."""
    label: str | None
    """Name of the class at the release's threshold."""
    flags: tuple[str, ...]
    """Codes of quality findings, sorted."""
    reason: str | None
    slices: tuple[float, ...] = ()
    """Probability of each slice, base first, where a sample is a slice."""


@dataclass(frozen=True)
class Predictions:
    """All studies of an export."""

    release: OpenRelease
    verified: bool
    """The signature of the release was checked first."""
    studies: tuple[Prediction, ...]
    exclusions: tuple[Exclusion, ...]
    """Series and files that were not used; not every one is a study."""

    @property
    def scored(self) -> int:
        """Number of studies with a score."""
        return sum(study.score is not None for study in self.studies)


def as_csv(predictions: Predictions) -> bytes:
    """Return a line per study, numbered from 1; `score` and `class` are empty without a score."""
    columns = (
        "study",
        "study_instance_uid",
        "folder",
        "score",
        "class",
        "flags",
        "reason",
        "slice_scores",
    )
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    for number, study in enumerate(_rows(predictions), start=1):
        slices = " ".join(map(str, study["slice_scores"]))
        flags = " ".join(study["flags"])
        writer.writerow(study | {"study": number, "flags": flags, "slice_scores": slices})
    return text.getvalue().encode("utf-8", "surrogateescape")


def as_json(predictions: Predictions) -> bytes:
    """Return the same as an object, with the release and the exclusions; null without a score."""
    description = predictions.release.description
    content = {
        "schema_version": 1,
        "release": {
            "experiment": description.experiment.name,
            "experiment_digest": description.experiment.digest(),
            "task": description.experiment.task,
            "package_version": description.package_version,
            "signature_verified": predictions.verified,
            "phantom": description.phantom,
            "partial": description.partial,
        },
        "threshold": description.threshold.value,
        "labels": list(description.labels),
        "studies": [
            {"study": number} | study for number, study in enumerate(_rows(predictions), start=1)
        ],
        "exclusions": [
            {
                "scope": exclusion.scope,
                "code": exclusion.code,
                "reason": exclusion.reason,
                "study_instance_uid": exclusion.study_uid,
                "files": list(exclusion.paths),
                "frames": exclusion.frames,
            }
            for exclusion in predictions.exclusions
        ],
    }
    # Escaped, since names of files need not be valid text.
    return (json.dumps(content, indent=2, allow_nan=False) + "\n").encode()


def _rows(predictions: Predictions) -> list[dict[str, Any]]:
    return [
        {
            "study_instance_uid": study.study_instance_uid,
            "folder": study.folder,
            "score": study.score,
            "class": study.label,
            "flags": list(study.flags),
            "reason": study.reason,
            "slice_scores": list(study.slices),
        }
        for study in predictions.studies
    ]
