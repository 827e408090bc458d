"""A stored round that was damaged or lost, at a site that was started again."""

import re
from pathlib import Path

import numpy as np
import pytest
from fedcmr_client.session import Session
from site_files import PRIVATE, accept, make_site, start

from fedcmr.errors import DataError


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return accept(make_site(tmp_path))


def damaged(session: Session, weights: np.ndarray, folder: Path) -> np.ndarray:
    """Train round 1, turn a bit of the stored update, and return the right one."""
    update = session.train(weights, 1).update
    path = folder / "round" / "update.safetensors"
    content = bytearray(path.read_bytes())
    content[-20] ^= 1
    path.write_bytes(content)
    return update


def test_a_damaged_stored_round_is_trained_again_and_not_paid_twice(
    session: Session,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    weights = start(session)
    update, later = damaged(session, weights, tmp_path), accept(make_site(tmp_path))
    monkeypatch.setattr(later.gate, "pay", lambda number: pytest.fail("paid twice"))
    assert np.array_equal(later.train(weights, 1).update, update)
    assert re.search(r"cannot be read .*update\.safetensors.*from its last step", caplog.text)


def test_a_damaged_private_round_is_refused_and_a_lost_one_is_paid_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To draw other noise for the same charge would tell more than was paid for."""
    session, paid = accept(make_site(tmp_path), PRIVATE), []
    weights = start(session)
    damaged(session, weights, tmp_path)
    later = accept(make_site(tmp_path), PRIVATE)
    monkeypatch.setattr(later.gate, "pay", paid.append)
    with pytest.raises(DataError, match=r"update\.safetensors.*delete it"):
        later.train(weights, 1)
    (tmp_path / "round" / "update.safetensors").unlink()
    later.train(weights, 1)
    assert paid == [1]


def test_a_damaged_stored_round_of_which_nothing_is_known_is_refused_with_what_to_delete(
    session: Session, tmp_path: Path
) -> None:
    weights = start(session)
    damaged(session, weights, tmp_path)
    (tmp_path / "round" / "begun").unlink()
    with pytest.raises(DataError, match=r"update\.safetensors.*delete it"):
        accept(make_site(tmp_path)).train(weights, 1)


def test_a_private_update_is_on_the_disk_before_its_round_counts_as_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, found = tmp_path / "round", []

    def seen(path: Path) -> None:
        found.append((path, (folder / "update.safetensors").exists(), (folder / "begun").exists()))

    monkeypatch.setattr("fedcmr.training.checkpoint.sync_folder", seen)
    monkeypatch.setattr("fedcmr_client.round_store.sync_folder", seen)
    session = accept(make_site(tmp_path), PRIVATE)
    session.train(start(session), 1)
    begun, *_, named, over = found
    assert begun == (folder, False, True)
    assert named == (folder, True, True)
    assert over == (folder, True, False)
