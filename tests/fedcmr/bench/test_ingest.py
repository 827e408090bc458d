from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import dicom_files
import pytest
from typer.testing import CliRunner

from fedcmr.bench import ingest
from fedcmr.bench.ingest import SiteExport, bench_cores, bench_ingest
from fedcmr.cli.bench import app
from fedcmr.config import Preprocessing
from fedcmr.errors import DataError
from fedcmr.ingest.parallel import Map
from fedcmr.ingest.scan import scan_export

SMALL = Preprocessing(slices=6, phases=10, spacing_mm=3.0, size=32)


def test_both_do_the_whole_work(tmp_path: Path) -> None:
    dicom_files.write(tmp_path, dicom_files.cine() + dicom_files.scouts())
    (tmp_path / "notes.txt").write_text("no image")
    (figure,) = bench_ingest([SiteExport(tmp_path)], SMALL, repeats=1, name="x")
    assert "76 files, 75 images" in figure.what
    assert "1 studies" in figure.what
    assert figure.value is not None
    assert 0.05 < figure.value < 20


def test_a_folder_without_images_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no image")
    with pytest.raises(DataError, match="no image"):
        list(bench_ingest([SiteExport(tmp_path)], SMALL, repeats=1, name="x"))


def test_one_process_and_two_that_have_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dicom_files.write(tmp_path, dicom_files.cine())
    export = scan_export(tmp_path, workers=1)
    asked: list[object] = []

    @contextmanager
    def processes(workers: int) -> Iterator[Map]:
        def mapped(function: Any, items: Iterable[Any], *, few: int) -> Iterator[tuple[Any, Any]]:
            asked.append(workers)
            return ((item, function(item)) for item in items)

        yield mapped

    clock = iter(range(100))
    monkeypatch.setattr(ingest, "parallel_map", processes)
    monkeypatch.setattr(ingest, "scan_with", lambda mapped, dicom, progress: export)
    monkeypatch.setattr(ingest.time, "perf_counter", lambda: float(next(clock)) ** 2)
    monkeypatch.setattr(ingest.os, "sched_getaffinity", lambda _: {0, 1})
    (figure,) = bench_cores(tmp_path, SMALL, repeats=1)
    assert asked == [2, 1, 2, 1, 2]
    # of the second turn: 5^2 - 4^2, 7^2 - 6^2
    assert figure.value == pytest.approx(9 / 13)
    monkeypatch.setattr(ingest.os, "sched_getaffinity", lambda _: {0})
    (figure,) = bench_cores(tmp_path, SMALL, repeats=1)
    assert figure == replace(figure, value=None, detail="one core")


def test_command_prints_the_ratio(tmp_path: Path) -> None:
    dicom_files.write(tmp_path, dicom_files.cine())
    result = CliRunner().invoke(app, ["ingest", str(tmp_path), "--repeats", "1"])
    assert result.exit_code == 0
    assert "72 files" in result.stdout
    assert "<= 1.3" in result.stdout
