import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from fedcmr.config import Experiment, ModelSettings, Preprocessing
from fedcmr.evaluation.metrics import metrics
from fedcmr.evaluation.sums import collect, total
from fedcmr.models.registry import build
from fedcmr.release.bundle import write_release
from fedcmr.release.provenance import MissedRound, Provenance, RoundRecord, SiteRecord
from fedcmr.release.signing import generate_signing_key


@pytest.fixture(scope="session")
def experiment() -> Experiment:
    """The smallest network that the settings allow."""
    return Experiment(
        name="tiny",
        model=ModelSettings(name="st_cnn"),
        preprocessing=Preprocessing(slices=4, phases=4, size=16),
    )


@pytest.fixture(scope="session")
def state(experiment: Experiment) -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return build(experiment.model, experiment.preprocessing).state_dict()


@pytest.fixture(scope="session")
def results(experiment: Experiment) -> dict[str, Any]:
    """Results with shown and suppressed strata and sites."""
    rng = np.random.default_rng(0)
    per_site = {}
    for site, vendor, n in (("north", "GE", 120), ("south", "Siemens", 90), ("west", "Philips", 9)):
        labels = np.arange(n) % 2
        scores = 0.6 * rng.random(n) + 0.4 * labels * rng.random(n)
        levels = [{"vendor": vendor, "field_strength": f} for f in ("1.5T", "3T")] * n
        per_site[site] = collect(labels, scores, levels[:n], bins=64)
    pooled = total(per_site.values(), bins=64)
    return metrics(pooled, pooled, per_site, experiment.evaluation)


@pytest.fixture(scope="session")
def provenance(experiment: Experiment) -> Provenance:
    return Provenance(
        run="tiny-0123abcd",
        started=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        finished=datetime(2026, 1, 2, 4, 5, 6, tzinfo=UTC),
        package_version="0.1.0",
        code_digest="0" * 64,
        experiment_digest=experiment.digest(),
        preprocessing_digest=experiment.preprocessing.digest(),
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


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Private and public key."""
    folder = tmp_path_factory.mktemp("keys")
    generate_signing_key(folder / "release.key", folder / "release.pub")
    return folder / "release.key", folder / "release.pub"


@pytest.fixture(scope="session")
def write(
    state: dict[str, torch.Tensor],
    experiment: Experiment,
    results: dict[str, Any],
    provenance: Provenance,
    keys: tuple[Path, Path],
) -> Callable[..., Path]:
    """Write a release; any part may be given instead of the usual one."""

    def build_release(out: Path, **other: Any) -> Path:
        usual = {
            "state": state,
            "experiment": experiment,
            "metrics": results,
            "provenance": provenance,
            "signing_key": keys[0],
        }
        return write_release(out, **(usual | other))

    return build_release


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory, write: Callable[..., Path]) -> Path:
    return write(tmp_path_factory.mktemp("written") / "release")


@pytest.fixture
def release(tmp_path: Path, written: Path) -> Path:
    """A release that a test may change."""
    return Path(shutil.copytree(written, tmp_path / "release"))
