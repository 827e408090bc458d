"""Reading systemd units, as far as the tests of deploy/ need it."""

import shlex
from pathlib import Path

DEPLOY = Path(__file__).parents[1] / "deploy"
UNITS = {
    "client": DEPLOY / "systemd" / "fedcmr-client.service",
    "server": DEPLOY / "systemd" / "fedcmr-server@.service",
}
PREFIX = "/opt/fedcmr"
"""Where the units expect the installation."""


def values(unit: Path, key: str) -> list[str]:
    """Return the values of a key, in the order of its lines."""
    lines = unit.read_text(encoding="utf-8").splitlines()
    return [line.partition("=")[2] for line in lines if line.startswith(f"{key}=")]


def environment(unit: Path) -> dict[str, str]:
    """Return what the Environment lines set."""
    words = [word for value in values(unit, "Environment") for word in shlex.split(value)]
    return dict(word.split("=", 1) for word in words)


def command(unit: Path, prefix: Path) -> list[str]:
    """Return the words of ExecStart for an installation under another prefix."""
    [line] = values(unit, "ExecStart")
    return [word.replace(PREFIX, str(prefix)) for word in shlex.split(line)]
