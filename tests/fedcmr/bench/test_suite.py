import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from typer.testing import CliRunner

from fedcmr.bench import suite
from fedcmr.bench.figure import Figure
from fedcmr.bench.report import Machine, Report
from fedcmr.cli.bench import app
from fedcmr.errors import DataError

FIGURES = (
    Figure("a.time", "time of a", 1.25, "x", at_most=1.3, detail="5 s / 4 s"),
    Figure("a.gain", "gain of a", 1.0, "x", at_least=1.6),
    Figure.not_run("a.gpu", "a on a GPU", "no GPU", unit="x", at_most=2),
)


def test_the_page_keeps_its_text_and_gets_the_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = Report(Machine.here(), 1.0, FIGURES)
    monkeypatch.setattr(suite, "_run", lambda arguments, command: report)
    monkeypatch.setattr(suite, "COMMANDS", ("bench a",))
    page = tmp_path / "performance.md"
    page.write_text(f"before\n\n{suite.BEGIN}\nold\n{suite.END}\nafter\n")
    arguments = ["all", "--write", str(page), "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    text = page.read_text()
    assert text.startswith("before")
    assert text.endswith("after\n")
    assert "old" not in text
    assert "Bars met: 1, not met: 1, not run: 1." in text
    assert "| time of a | 1.25 x | <= 1.3 | met | 5 s / 4 s |" in text
    assert "| a on a GPU |  | <= 2 | not run | no GPU |" in text
    assert "fedcmr bench a" in result.stdout
    assert "not met" in result.stdout
    assert (tmp_path / "out" / "a.json").is_file()


def test_a_page_without_the_markers_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    page.write_text("nothing")
    with pytest.raises(DataError, match="no lines"):
        suite.check_page(page)
    with pytest.raises(DataError, match="no lines"):
        suite.check_page(tmp_path / "nowhere.md")


@pytest.mark.parametrize(
    ("ending", "why"),
    [
        ("sys.exit(4)", "exit code 4: error: no place"),
        ("open(report, 'w').write('{')", "it wrote no report: error: no place"),
        ("open('told', 'w'); time.sleep(1000)", "not done after 900 s: error: no place"),
    ],
)
def test_a_bench_that_fails_is_told_with_what_it_found(
    ending: str, why: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    content = json.dumps(Report(Machine.here(), 1.0, FIGURES[:1]).to_json())
    code = (
        "import subprocess, sys, time\n"
        "left = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(1000)'])\n"
        "open('left', 'w').write(str(left.pid))\n"
        "report = sys.argv[-1] + '/a.json'\n"
        f"open(report, 'w').write({content!r})\n"
        "print('error: no place', file=sys.stderr, flush=True)\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(suite.subprocess, "Popen", Impatient)
    report = suite._run([sys.executable, "-c", code + ending], "bench a")
    assert [figure.name for figure in report.figures[:-1]] == ["a.time"] * ("{" not in ending)
    assert report.figures[-1].verdict == "not run"
    assert report.figures[-1].detail == why
    left = int((tmp_path / "left").read_text())
    assert wait_until(lambda: is_gone(left))


class Impatient(subprocess.Popen[bytes]):
    """Ends the patience with a process once it has told that it sleeps."""

    def wait(self, timeout: float | None = None) -> int:
        told = Path("told").exists
        if timeout == suite.LIMIT_S:
            wait_until(lambda: told() or self.poll() is not None)
            if told():
                raise subprocess.TimeoutExpired("a", timeout)
        return super().wait(timeout)


def wait_until(condition: Callable[[], bool]) -> bool:
    end = time.monotonic() + 60
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return condition()


def is_gone(process: int) -> bool:
    try:
        return psutil.Process(process).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
