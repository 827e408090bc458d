from pathlib import Path

import pytest
import release_files
from export_files import write_export


@pytest.fixture(scope="session")
def signed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A release and the public key."""
    return release_files.signed(tmp_path_factory.mktemp("signed"))


@pytest.fixture(scope="session")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export")
    write_export(folder)
    return folder
