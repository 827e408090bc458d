import shutil
from pathlib import Path

import pytest
import release_files
import torch

from fedcmr.config import Experiment
from fedcmr.evaluation.results import Metrics
from fedcmr.release.provenance import Provenance
from fedcmr.release.signing import generate_signing_key


@pytest.fixture(scope="session")
def experiment() -> Experiment:
    return release_files.EXPERIMENT


@pytest.fixture(scope="session")
def state() -> dict[str, torch.Tensor]:
    return release_files.state()


@pytest.fixture(scope="session")
def results() -> Metrics:
    return release_files.results()


@pytest.fixture(scope="session")
def provenance() -> Provenance:
    return release_files.PROVENANCE


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Private and public key."""
    folder = tmp_path_factory.mktemp("keys")
    generate_signing_key(folder / "release.key", folder / "release.pub")
    return folder / "release.key", folder / "release.pub"


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory, keys: tuple[Path, Path]) -> Path:
    return release_files.write(tmp_path_factory.mktemp("written") / "release", keys[0])


@pytest.fixture
def release(tmp_path: Path, written: Path) -> Path:
    """A release that a test may change."""
    return Path(shutil.copytree(written, tmp_path / "release"))
