"""Write a release: all files in a folder aside, read back, then given its name at once."""

import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from safetensors.torch import save
from torch import Tensor

from fedcmr.config import Experiment
from fedcmr.errors import CheckFailed
from fedcmr.evaluation.results import Metrics
from fedcmr.models.registry import inference_state
from fedcmr.release.card import render_card
from fedcmr.release.description import LABELS, Description, OperatingPoint
from fedcmr.release.layout import CARD, METRICS, MODEL, PROVENANCE, REPORT, WEIGHTS
from fedcmr.release.open import open_release
from fedcmr.release.provenance import Provenance
from fedcmr.release.report import render_report
from fedcmr.release.signing import sign
from fedcmr.release.tables import csv_tables


def write_release(
    out: Path,
    *,
    state: Mapping[str, Tensor],
    experiment: Experiment,
    metrics: Metrics,
    provenance: Provenance,
    signing_key: Path,
) -> Path:
    """Write and sign the release folder `out`, which must not exist yet, and return it.

    Equal input gives equal bytes, but for the signature, which holds a random number. Integer
    buffers of `state` (BatchNorm's step counter) and what only training needs are left out.

    Raises:
        CheckFailed: a weight is not finite, the weights are not those of the experiment's model,
            or `out` exists.
        ConfigurationError: the signing key cannot be used.
    """
    weights = {
        name: value.detach().cpu().contiguous().clone()
        for name, value in inference_state(state).items()
        if value.is_floating_point()
    }
    if not weights or not all(value.isfinite().all() for value in weights.values()):
        raise CheckFailed("no release: a weight is not finite", fix="lower the learning rate")
    if out.exists():
        raise CheckFailed("a release is there already", where=str(out), fix="choose another place")
    description = Description(
        package_version=provenance.package_version,
        labels=LABELS[experiment.task],
        threshold=OperatingPoint(**metrics.threshold.model_dump()),
        phantom=provenance.phantom,
        partial=provenance.partial,
        experiment=experiment,
    )
    texts = {
        MODEL: yaml.safe_dump(description.model_dump(mode="json"), sort_keys=False),
        METRICS: _json(metrics.model_dump(mode="json")),
        PROVENANCE: _json(provenance.model_dump(mode="json")),
        REPORT: render_report(description, metrics, provenance),
        CARD: render_card(description, metrics, provenance),
        **csv_tables(metrics, provenance),
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=".release-", dir=out.parent))
    try:
        folder = aside / out.name
        folder.mkdir()
        (folder / WEIGHTS).write_bytes(save(weights))
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8")
        sign(folder, signing_key)
        open_release(folder)
        folder.rename(out)
    finally:
        shutil.rmtree(aside)
    return out


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False) + "\n"
