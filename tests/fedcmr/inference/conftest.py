from pathlib import Path

import pytest
import release_files
from export_files import write_export

from fedcmr.inference.predict import predict
from fedcmr.inference.result import Predictions


@pytest.fixture(scope="session")
def signed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A release and the public key."""
    return release_files.signed(tmp_path_factory.mktemp("signed"))


@pytest.fixture(scope="session")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export")
    write_export(folder)
    return folder


@pytest.fixture(scope="session")
def predictions(
    tmp_path_factory: pytest.TempPathFactory, signed: tuple[Path, Path], export: Path
) -> tuple[Predictions, Path]:
    """What came out of the export, and where it was written."""
    out = tmp_path_factory.mktemp("predictions")
    return predict(signed[0], export, out, public_key=signed[1], workers=1), out
