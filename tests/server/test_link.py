from pathlib import Path

from conftest import Coordinator
from fedcmr_client.keys import make_site_key


def test_admitting_a_site_twice_changes_nothing(coordinator: Coordinator) -> None:
    coordinator.link.admit("one", coordinator.key.with_suffix(".pub").read_bytes())


def test_a_site_enrolled_with_another_key_has_another_connection(
    coordinator: Coordinator, tmp_path: Path
) -> None:
    link = coordinator.link
    link.connected(link._nodes["one"])
    before = link.connection("one")
    link.admit("one", make_site_key(tmp_path / "new_key").read_bytes())
    link.connected(link._nodes["one"])
    assert link.connection("one") != before
