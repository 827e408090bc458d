import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fedcmr.bench import rivals as bench

STAMPS = """
import json
for time in (0, 50, 61, 70, 83):
    print(json.dumps({"time": time}))
"""


@pytest.fixture(autouse=True)
def stand_in(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """In the place of every other framework, runs the lines that are in this list."""
    lines = [STAMPS]
    real = subprocess.Popen

    def run(command: list[str], **more: Any) -> "subprocess.Popen[str]":
        assert command[4:] == ["--sites", "3", "--rounds", "4", "--parameters", "1400000"]
        return real([sys.executable, "-c", lines[0]], **more)

    monkeypatch.setattr(subprocess, "Popen", run)
    monkeypatch.setattr(bench, "RIVALS", {"typer": ("typer", "typer"), "no_such": ("it", "it")})
    return lines


def told() -> list[tuple[str, str, str]]:
    figures = bench.rivals(2.0, parameters=1_400_000, sites=3, rounds=3)
    return [(figure.measured, figure.verdict, figure.detail) for figure in figures]


def test_the_first_round_does_not_count_and_what_is_missing_is_not_run() -> None:
    (measured, verdict, detail), missing = told()
    assert (measured, verdict) == ("5.5 x", "")
    assert detail.endswith("11.00 s / 2.00 s")
    assert missing == ("", "not run", "no_such is not installed")


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ("raise SystemExit('a port is taken')", "a port is taken"),
        ("print('nothing')", "it told no times"),
        ("import time; time.sleep(60)", "not done after 0 s"),
    ],
)
def test_what_did_not_run_to_its_end_is_not_run_and_says_why(
    stand_in: list[str], lines: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in[0] = lines
    if "sleep" in lines:
        monkeypatch.setattr(bench, "LIMIT_S", 0.2)
    assert told()[0] == ("", "not run", why)


def test_what_was_started_ends_with_the_bench(stand_in: list[str], tmp_path: Path) -> None:
    noted = tmp_path / "pid"
    stand_in[0] = f"""
import os, signal, time
with open({str(noted)!r}, "w") as file:
    file.write(str(os.getpid()))
os.kill(os.getppid(), signal.SIGUSR1)
time.sleep(60)
"""
    before = signal.signal(signal.SIGUSR1, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            told()
    finally:
        signal.signal(signal.SIGUSR1, before)
    with pytest.raises(ProcessLookupError):
        os.kill(int(noted.read_text()), 0)
