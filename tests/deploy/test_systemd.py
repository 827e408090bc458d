import importlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command
from unit_files import DEPLOY, PREFIX, UNITS, command, environment, values

from fedcmr.cli.run import TERMINATED
from fedcmr.errors import ConfigurationError, DataError, PartialRun, PolicyRefusal, UsageError

MAX_EXPOSURE = 20
"""Tenths of systemd's exposure score, of 100; an unhardened service has 96."""

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="no systemd-analyze: install systemd"
)


def installed(unit: Path, folder: Path) -> Path:
    """A copy of the unit for the environment that runs the tests."""
    name = unit.name.replace("@", "@scar")
    copy = folder / name
    text = unit.read_text(encoding="utf-8").replace(PREFIX, sys.prefix)
    copy.write_text(text.replace("%i", "scar"), encoding="utf-8")
    return copy


def analyse(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", *map(str, arguments)], capture_output=True, text=True, check=False
    )


@needs_systemd
@pytest.mark.parametrize("side", UNITS)
def test_a_unit_is_understood_without_a_remark(side: str, tmp_path: Path) -> None:
    done = analyse("verify", installed(UNITS[side], tmp_path))
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@needs_systemd
@pytest.mark.parametrize("side", UNITS)
def test_a_unit_is_hardened(side: str, tmp_path: Path) -> None:
    unit = installed(UNITS[side], tmp_path)
    done = analyse("security", "--offline=yes", f"--threshold={MAX_EXPOSURE}", unit)
    assert done.returncode == 0, done.stdout
    unhardened = tmp_path / "bare.service"
    unhardened.write_text("[Service]\nExecStart=/bin/true\n", encoding="utf-8")
    assert analyse("security", "--offline=yes", "--threshold=90", unhardened).returncode != 0


@pytest.mark.parametrize("side", UNITS)
def test_what_a_person_must_mend_is_not_restarted(side: str) -> None:
    expected = {error.exit_code for error in (UsageError, ConfigurationError, DataError)}
    expected |= {PolicyRefusal.exit_code}
    if side == "server":
        expected.add(PartialRun.exit_code)
    [codes] = values(UNITS[side], "RestartPreventExitStatus")
    assert {int(code) for code in codes.split()} == expected
    assert values(UNITS[side], "Restart") == ["on-failure"]


@pytest.mark.parametrize("side", UNITS)
def test_the_two_sides_share_neither_user_nor_folder(side: str) -> None:
    name = {"client": "fedcmr", "server": "fedcmr-server"}[side]
    keys = ("User", "Group", "StateDirectory", "CacheDirectory")
    assert {value for key in keys for value in values(UNITS[side], key)} == {name}
    folders = set(environment(UNITS[side]).values())
    assert folders == {f"/var/lib/{name}", f"/var/cache/{name}", "C.UTF-8"}


def test_a_gpu_stays_visible_to_the_client_only() -> None:
    assert values(UNITS["client"], "DeviceAllow") == ["char-nvidia* rw"]
    assert not values(UNITS["client"], "PrivateDevices")
    assert values(UNITS["server"], "PrivateDevices") == ["yes"]


@pytest.mark.parametrize("side", UNITS)
def test_the_environment_names_variables_that_the_command_reads(side: str) -> None:
    module = importlib.import_module(f"fedcmr_{side}.cli")
    group = get_command(module.app)
    verb = command(UNITS[side], Path(sys.prefix))[1]
    known = {option.envvar for option in group.commands[verb].params}
    file = DEPLOY / "systemd" / f"{side}.env"
    mentioned = set(re.findall(r"^#?(FEDCMR_\w+)=", file.read_text("utf-8"), re.MULTILINE))
    mentioned |= {name for name in environment(UNITS[side]) if name.startswith("FEDCMR_")}
    assert mentioned <= known


def test_stopping_the_coordinator_is_no_failure() -> None:
    assert values(UNITS["server"], "SuccessExitStatus") == [str(TERMINATED)]
