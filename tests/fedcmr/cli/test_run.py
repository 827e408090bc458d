"""How commands end, seen from outside: exit code, one line, no traceback."""

import os
import signal
import subprocess
import sys

import pytest

import fedcmr

PROGRAM = """
import sys, typer
from fedcmr import errors
from fedcmr.cli.run import run
app = typer.Typer(pretty_exceptions_enable=False, add_completion=False)
@app.command()
def main(kind: str):
    if kind == "wait":
        import signal
        print("ready", flush=True)
        signal.pause()
    if kind == "service":
        import signal
        from fedcmr.cli.run import end_on_sigterm
        end_on_sigterm(0)
        print("ready", flush=True)
        signal.pause()
    if kind == "bug":
        raise RuntimeError("unforeseen")
    if kind != "fine":
        raise getattr(errors, kind)("[bold]what[/bold] " + "long " * 60, where="here", fix="do")
run(app)
"""


PYTHON = [sys.executable, "-c", PROGRAM]


def call(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PYTHON, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )


@pytest.mark.parametrize(
    ("kind", "code"),
    [("DataError", 4), ("NetworkError", 5), ("PolicyRefusal", 6), ("PartialRun", 7)],
)
def test_an_error_is_one_line_and_its_code(kind: str, code: int) -> None:
    done = call(kind)
    assert done.returncode == code
    assert done.stderr.startswith("error: [bold]what[/bold] long")
    assert done.stderr.endswith("(here); do\n")
    assert done.stderr.count("\n") == 1


def test_a_traceback_comes_on_demand() -> None:
    assert "Traceback" in call("DataError", FEDCMR_TRACEBACK="1").stderr


def test_wrong_usage_is_2() -> None:
    done = call("fine", "--nonsense")
    assert done.returncode == 2
    assert done.stderr.startswith("error: No such option")
    assert done.stderr.count("\n") == 1


def test_success_is_0_and_silent() -> None:
    done = call("fine")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_bug_is_not_hidden() -> None:
    done = call("bug")
    assert done.returncode == 1
    assert "RuntimeError: unforeseen" in done.stderr


@pytest.mark.parametrize(
    ("kind", "number", "code"),
    [
        ("wait", signal.SIGINT, 130),
        ("wait", signal.SIGTERM, 143),
        ("service", signal.SIGTERM, 0),
    ],
)
def test_signals_end_a_command_even_when_it_inherited_them_ignored(
    kind: str, number: signal.Signals, code: int
) -> None:
    with subprocess.Popen(
        ["sh", "-c", "trap '' INT TERM; exec \"$@\"", "sh", *PYTHON, kind],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        assert process.wait(timeout=20) == code
        assert process.stderr.read() == ""


def test_the_version_is_told() -> None:
    program = [sys.executable, "-c", "from fedcmr_client.cli import main; main()", "--version"]
    done = subprocess.run(program, capture_output=True, text=True, check=True)
    assert done.stdout == f"{fedcmr.__version__}\n"
