"""A release small enough to write in a test: the facts of a run, and its weights."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from case_files import EDGES, level

from fedcmr.config import Experiment, Preprocessing
from fedcmr.evaluation.metrics import metrics
from fedcmr.evaluation.results import Metrics
from fedcmr.evaluation.sums import collect, total
from fedcmr.models.registry import build
from fedcmr.network import ModelSettings
from fedcmr.release.bundle import write_release
from fedcmr.release.provenance import MissedRound, Provenance, RoundRecord, SiteRecord
from fedcmr.release.signing import generate_signing_key

EXPERIMENT = Experiment(
    name="tiny",
    model=ModelSettings(name="st_cnn"),
    preprocessing=Preprocessing(slices=4, phases=4, size=16, spacing_mm=5.0),
)


def state(seed: int = 0) -> dict[str, torch.Tensor]:
    """Fresh weights of the experiment's model."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build(EXPERIMENT.model, EXPERIMENT.preprocessing).state_dict()


def results() -> Metrics:
    """Content of metrics.json with shown and suppressed strata and sites."""
    rng = np.random.default_rng(0)
    per_site = {}
    for site, vendor, n in (("north", "GE", 120), ("south", "Siemens", 90), ("west", "Philips", 9)):
        labels = rng.permutation(np.arange(n) % 2)
        scores = 0.6 * rng.random(n) + 0.4 * labels * rng.random(n)
        levels = [level(vendor, f) for f in ("1.5T", "3T")] * n
        per_site[site] = collect(labels, scores, levels[:n], edges=EDGES)
    pooled = total(per_site.values(), edges=EDGES)
    return metrics(pooled, pooled, per_site, EXPERIMENT.evaluation, open_sites=list(per_site))


PROVENANCE = Provenance(
    run="tiny-0123abcd",
    started=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    finished=datetime(2026, 1, 2, 4, 5, 6, tzinfo=UTC),
    package_version="0.1.0",
    code_digest="0" * 64,
    experiment_digest=EXPERIMENT.digest(),
    preprocessing_digest=EXPERIMENT.preprocessing.digest(),
    released_round=2,
    sites=(
        SiteRecord(name="north", examples=300, rounds_contributed=3),
        SiteRecord(
            name="south",
            examples=200,
            rounds_contributed=2,
            rounds_missed=(MissedRound(round=3, reason="no answer <b>in</b> | 60 s"),),
        ),
    ),
    history=tuple(
        RoundRecord(
            round=number,
            sites=("north", "south"),
            loss=1 / number,
            validation_loss=1.1 / number,
            seconds=2.0,
        )
        for number in (1, 2, 3)
    ),
    phantom=True,
    partial=True,
)


def write(out: Path, signing_key: Path, **other: Any) -> Path:
    """Write a release; any part may be given instead of the usual one."""
    usual = {
        "state": state(),
        "experiment": EXPERIMENT,
        "metrics": results(),
        "provenance": PROVENANCE,
        "signing_key": signing_key,
    }
    return write_release(out, **(usual | other))


def signed(folder: Path) -> tuple[Path, Path]:
    """Write a release under a new key; return it and the public key."""
    generate_signing_key(folder / "release.key", folder / "release.pub")
    return write(folder / "release", folder / "release.key"), folder / "release.pub"
