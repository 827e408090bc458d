from pathlib import Path

import pytest
from processes import Federation


@pytest.fixture
def federation(tmp_path: Path) -> Federation:
    """An initialised coordinator without sites."""
    return Federation(tmp_path)
