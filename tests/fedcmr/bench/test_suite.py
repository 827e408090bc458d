from pathlib import Path

import pytest
from typer.testing import CliRunner

from fedcmr.bench import suite
from fedcmr.bench.figure import Figure
from fedcmr.bench.report import Report
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
    report = Report.of(lambda: FIGURES)
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
        suite.write_page(page, {"bench a": Report.of(lambda: FIGURES)})


def test_a_bench_that_fails_is_told_and_ends_nothing() -> None:
    ((_, report),) = suite.run_all(["bench nothing"])
    (figure,) = report.figures
    assert figure.verdict == "not run"
    assert "exit code 2: error: No such command 'nothing'." in figure.detail
