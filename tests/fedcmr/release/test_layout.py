import os
from collections.abc import Callable
from pathlib import Path

import pytest

from fedcmr.errors import FedcmrError
from fedcmr.release.layout import CARD, CONTENT, LARGEST, METRICS, SIGNATURE, check_inventory


def _link(release: Path) -> None:
    (release / METRICS).unlink()
    (release / METRICS).symlink_to("/etc/hostname")


def _fifo(release: Path) -> None:
    (release / METRICS).unlink()
    os.mkfifo(release / METRICS)


def _large(release: Path) -> None:
    with (release / METRICS).open("wb") as file:
        file.truncate(LARGEST[METRICS] + 1)


def test_a_release_has_these_files(release: Path) -> None:
    assert sorted(path.name for path in release.iterdir()) == sorted((*CONTENT, SIGNATURE))
    check_inventory(release)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda r: (r / "weights.pkl").write_bytes(b""), "weights.pkl"),
        (lambda r: (r / ".hidden").write_bytes(b"x"), ".hidden"),
        (lambda r: (r / ".gitignore").write_bytes(b""), ".gitignore"),
        (lambda r: (r / ".git").mkdir(), ".git"),
        (lambda r: (r / "empty").mkdir(), "empty"),
        (lambda r: (r / "link").symlink_to(r / METRICS), "link"),
        (lambda r: (r / CARD).unlink(), CARD),
        (lambda r: (r / SIGNATURE).unlink(), SIGNATURE),
        (_link, METRICS),
        (_fifo, METRICS),
        (_large, METRICS),
    ],
)
def test_anything_else_is_named(
    release: Path, change: Callable[[Path], object], words: str
) -> None:
    change(release)
    with pytest.raises(FedcmrError, match=words):
        check_inventory(release)


@pytest.mark.parametrize("name", ["nowhere", "file"])
def test_no_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(FedcmrError, match="cannot read the release"):
        check_inventory(tmp_path / name)
