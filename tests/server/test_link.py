from conftest import Coordinator


def test_admitting_a_site_twice_changes_nothing(coordinator: Coordinator) -> None:
    coordinator.link.admit("one", coordinator.key.with_suffix(".pub").read_bytes())
