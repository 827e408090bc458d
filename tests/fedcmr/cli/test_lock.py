from pathlib import Path

import pytest

from fedcmr.cli.lock import is_running, only_one
from fedcmr.errors import ConfigurationError


def test_the_second_is_refused(tmp_path: Path) -> None:
    lock = tmp_path / ".lock"
    with only_one(lock):
        with pytest.raises(ConfigurationError, match="in use"), only_one(lock):
            pass
        assert is_running(lock)
    assert not is_running(lock)
    with only_one(lock):
        pass


def test_asking_leaves_no_trace(tmp_path: Path) -> None:
    assert not is_running(tmp_path / ".lock")
    assert list(tmp_path.iterdir()) == []


def test_asking_needs_only_to_read(tmp_path: Path) -> None:
    lock = tmp_path / ".lock"
    with only_one(lock):
        lock.chmod(0o400)
        assert is_running(lock)
