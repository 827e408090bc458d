from pathlib import Path

import pytest

from fedcmr.drill.federation import Federation


@pytest.fixture
def federation(tmp_path: Path) -> Federation:
    """An initialised coordinator without sites."""
    return Federation(tmp_path)
