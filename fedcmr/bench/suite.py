"""Every bench in turn, each in a process of its own, and the page that says what came out."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from fedcmr.bench.figure import Figure
from fedcmr.bench.report import Machine, Report
from fedcmr.errors import DataError

COMMANDS = ("bench round", "bench model", "bench gpu", "bench dp", "bench data", "bench scale")
"""What `fedcmr bench all` runs, 30 minutes on two cores at most."""
LIMIT_S = 900
"""Of one bench: one that hangs must not keep the others from being told."""
BEGIN, END = "<!-- fedcmr bench all -->", "<!-- end of fedcmr bench all -->"


def run_all(commands: Iterable[str]) -> Iterator[tuple[str, Report]]:
    """Yield each command and what it reported; one that fails is reported as not run."""
    program = str(Path(sys.executable).with_name("fedcmr"))
    for command in commands:
        yield command, _run([program, *command.split(), "--json"], command)


def _run(arguments: list[str], command: str) -> Report:
    def failed(why: str) -> Report:
        missing = Figure.not_run(command, f"`fedcmr {command}`", why)
        return Report(Machine.here(), 0.0, (missing,))

    try:
        done = subprocess.run(
            arguments, capture_output=True, text=True, timeout=LIMIT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return failed(f"not done after {LIMIT_S} s")
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [""]
        return failed(f"exit code {done.returncode}: {lines[-1]}")
    return Report.from_json(json.loads(done.stdout))


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
            f"| {f.what} | {f.measured} | {f.bar} | {f.verdict} | {f.detail} |"
            for f in report.figures
        ]
        lines += ["", f"### {head}", "", "| figure | value | bar | | |", "|---|--:|--:|---|---|"]
        lines += rows
    return "\n".join(lines)


def write_page(page: Path, reports: Mapping[str, Report]) -> None:
    """Put the tables between the two markers of a page.

    Raises:
        DataError: the page has no such markers.
    """
    text = page.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise DataError(f"no lines {BEGIN} and {END}", where=str(page), fix="add both to the page")
    page.write_text(f"{before}{BEGIN}\n{markdown(reports)}\n{END}{after}", encoding="utf-8")
