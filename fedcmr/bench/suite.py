"""Every bench in turn, each in a process of its own, and the page that says what came out."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from fedcmr.bench.figure import Figure
from fedcmr.bench.report import Machine, Report
from fedcmr.durable import write_atomically
from fedcmr.errors import DataError

COMMANDS = ("bench round", "bench model", "bench gpu", "bench dp", "bench data", "bench scale")
"""What `fedcmr bench all` runs, 30 minutes on two cores at most."""
LIMIT_S = 900
"""Of one bench: one that hangs must not keep the others from being told."""
END_S = 30
"""For it to clean up and to tell what it found."""
BEGIN, END = "<!-- fedcmr bench all -->", "<!-- end of fedcmr bench all -->"


def run_all(commands: Iterable[str]) -> Iterator[tuple[str, Report]]:
    """Yield each command and what it reported; what one that fails did not come to is not run."""
    program = str(Path(sys.executable).with_name("fedcmr"))
    for command in commands:
        yield command, _run([program, *command.split()], command)


def _run(arguments: list[str], command: str) -> Report:
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        said = Path(folder) / "stderr"
        # not a pipe: a process that a bench left behind would hold it open for ever
        with said.open("wb") as errors:
            process = subprocess.Popen(
                [*arguments, "--out", folder],
                stdout=subprocess.DEVNULL,
                stderr=errors,
                start_new_session=True,
            )
            why = ""
            try:
                if code := process.wait(LIMIT_S):
                    why = f"exit code {code}"
            except subprocess.TimeoutExpired:
                why = f"not done after {LIMIT_S} s"
            finally:
                _end(process)
        try:
            content = (Path(folder) / f"{command.split()[1]}.json").read_text(encoding="utf-8")
            report = Report.from_json(json.loads(content))
        except (OSError, ValueError):
            report = Report(Machine.here(), round(time.monotonic() - started, 1), ())
            why = why or "it wrote no report"
        lines = said.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    if not why:
        return report
    last = lines[-1] if lines else ""
    missing = Figure.not_run(command, f"`fedcmr {command}` to its end", f"{why}: {last}")
    return replace(report, figures=(*report.figures, missing))


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End a bench in the way that lets it tell what it found, and then all that it started."""
    with suppress(subprocess.TimeoutExpired):
        process.terminate()
        process.wait(END_S)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def markdown(reports: Mapping[str, Report]) -> str:
    """Return the tables of all benches, one for each command."""
    machine = next(iter(reports.values())).machine
    figures = [figure for report in reports.values() for figure in report.figures]
    verdicts = Counter(figure.verdict for figure in figures)
    minutes = sum(report.seconds for report in reports.values()) / 60
    versions = ", ".join(f"{name} {number}" for name, number in machine.versions.items())
    lines = [
        f"`fedcmr bench all` on {machine.date}, {minutes:.0f} minutes: {machine.processor}, "
        f"{machine.cores} cores, GPU: {machine.gpu}, load {machine.load} at the start; {versions}.",
        f"Bars met: {verdicts['met']}, not met: {verdicts['not met']}, "
        f"not run: {verdicts['not run']}.",
    ]
    for command, report in reports.items():
        head = f"`fedcmr {command}`, {report.seconds:.0f} s, load {report.machine.load}"
        rows = [
            "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
            for cells in ((f.what, f.measured, f.bar, f.verdict, f.detail) for f in report.figures)
        ]
        lines += ["", f"### {head}", "", "| figure | value | bar | | |", "|---|--:|--:|---|---|"]
        lines += rows
    return "\n".join(lines)


def check_page(page: Path) -> None:
    """Check that a page has a place for the tables.

    Raises:
        DataError: it has no such markers, or is not there.
    """
    _parts(page)


def write_page(page: Path, reports: Mapping[str, Report]) -> None:
    """Put the tables between the two markers of a page.

    Raises:
        DataError: see `check_page`.
    """
    before, after = _parts(page)
    write_atomically(page, f"{before}{BEGIN}\n{markdown(reports)}\n{END}{after}".encode())


def _parts(page: Path) -> tuple[str, str]:
    text = page.read_text(encoding="utf-8") if page.is_file() else ""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise DataError(f"no lines {BEGIN} and {END}", where=str(page), fix="add both to the page")
    return before, after
