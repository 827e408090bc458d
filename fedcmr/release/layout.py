"""The files of a release: exactly these, each a regular file of a sane size."""

import os
import stat
from pathlib import Path

from fedcmr.errors import CheckFailed

WEIGHTS = "model.safetensors"
MODEL = "model.yaml"
METRICS = "metrics.json"
REPORT = "report.html"
CARD = "MODEL_CARD.md"
PROVENANCE = "provenance.json"
SIGNATURE = "model.sig"

TABLES = (
    "auc_by_group.csv",
    "calibration.csv",
    "comparisons.csv",
    "participation.csv",
    "roc.csv",
    "thresholds.csv",
    "training.csv",
)
"""The numbers behind the figures of the report."""

CONTENT = (CARD, METRICS, MODEL, WEIGHTS, PROVENANCE, REPORT, *TABLES)
"""Everything that is signed."""

_MIB = 2**20
LARGEST = dict.fromkeys((*CONTENT, SIGNATURE), 32 * _MIB) | {WEIGHTS: 2048 * _MIB}
"""Bytes that each file may have at most; larger ones are refused before they are read."""


def check_inventory(release: Path) -> None:
    """Refuse a folder that holds anything but the files of a release, hidden or empty included.

    Raises:
        CheckFailed: no such folder, or the first name that is missing, added, no regular file or
            too large.
    """
    try:
        found = {entry.name: entry for entry in os.scandir(release)}
    except OSError as error:
        raise CheckFailed(
            f"cannot read the release: {error.strerror}", where=str(release), fix="check the path"
        ) from None
    for name in sorted(found.keys() | LARGEST.keys()):
        if name not in found:
            raise CheckFailed(f"the release lacks {name}", where=str(release))
        if name not in LARGEST:
            raise CheckFailed(f"the release holds {name!r}, which is no part", where=str(release))
        status = found[name].stat(follow_symlinks=False)
        if not stat.S_ISREG(status.st_mode):
            raise CheckFailed(f"{name} is not a regular file", where=str(release))
        if status.st_size > LARGEST[name]:
            raise CheckFailed(f"{name} is larger than a release allows", where=str(release))
