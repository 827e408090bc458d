import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fedcmr.dicom.header import read_header
from fedcmr.dicom.quiet import quiet
from fedcmr.errors import DataError
from fedcmr.phantom.audit import LIMIT, audit, exports_below, sharpness
from fedcmr.phantom.sites import SITES, SiteProfile
from fedcmr.phantom.write import write_site

PATIENTS = 90


def small(site: SiteProfile) -> SiteProfile:
    """Let a site write few and small files: Enhanced ones of 8 phases, 48 x 48 pixels."""
    exports = [export for export in site.exports if "enhanced" in export.layout]
    coarse = {"pixels": (48,), "spacing_mm": (5.2, 5.4), "phases": (6, 8)}
    return replace(
        site,
        exports=tuple(
            replace(e, scanner=replace(e.scanner, **coarse), share=1 / len(exports))
            for e in exports
        ),
        oddities=(),
    )


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write enough patients for the audit, in as few bytes as possible."""
    out = tmp_path_factory.mktemp("cohort")
    for name in ("siemens", "philips"):
        write_site(out / name, site=small(SITES[name]), patients=PATIENTS // 2, seed=1, workers=2)
    return out


def brighten(path: Path, folder: Path) -> None:
    """Make the stored pixels half as bright again."""
    with quiet():
        header = read_header(folder, str(path.relative_to(folder)))
    content = path.read_bytes()
    pixels = np.frombuffer(content, "<u2", offset=header.layout.offset or 0)
    path.write_bytes(content[: header.layout.offset] + (pixels + pixels // 2).tobytes())


def test_phantoms_have_no_short_cut(cohort: Path) -> None:
    aucs = audit(exports_below(cohort))
    assert set(aucs) == {"scar", "mvo"}
    assert max(aucs.values()) < LIMIT


def test_a_brighter_picture_of_scarred_patients_is_found(cohort: Path) -> None:
    for export in exports_below(cohort):
        with (export / "labels.csv").open(encoding="utf-8", newline="") as file:
            scarred = {row["patient_id"] for row in csv.DictReader(file) if row["scar"] == "1"}
        for path in sorted(p for p in (export / "dicom").rglob("*") if p.is_file()):
            if any(patient in str(path) for patient in scarred):
                brighten(path, export / "dicom")
    assert audit(exports_below(cohort))["scar"] > LIMIT


def test_too_few_patients_are_refused(export: Callable[[str], Path]) -> None:
    with pytest.raises(DataError, match="5 are needed"):
        audit([export("siemens")])


def test_a_folder_without_an_export_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no phantom export"):
        exports_below(tmp_path)


def test_an_export_is_found_by_itself_and_below(export: Callable[[str], Path]) -> None:
    assert exports_below(export("siemens")) == [export("siemens")]
    assert export("siemens") in exports_below(export("siemens").parent)


def test_a_blurred_picture_is_less_sharp() -> None:
    sharp = np.random.default_rng(0).random((3, 32, 32)).astype(np.float32)
    blurred = (sharp + np.roll(sharp, 1, axis=1) + np.roll(sharp, 1, axis=2)) / 3
    assert sharpness(blurred) < 0.8 * sharpness(sharp)
    assert sharpness(5 * sharp) == pytest.approx(sharpness(sharp), rel=1e-4)
