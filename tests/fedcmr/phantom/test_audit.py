import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest

from fedcmr.errors import DataError
from fedcmr.phantom.audit import LIMIT, audit, exports_below, sharpness
from fedcmr.phantom.sites import SITES
from fedcmr.phantom.write import write_site

PATIENTS = 28


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write as few patients as give the audit a say, at the site with the fewest files."""
    out = tmp_path_factory.mktemp("cohort")
    write_site(out / "siemens", site=SITES["siemens"], patients=PATIENTS, seed=1)
    write_site(out / "philips", site=SITES["philips"], patients=PATIENTS, seed=1)
    return out


def test_phantoms_have_no_short_cut(cohort: Path) -> None:
    aucs = audit(exports_below(cohort))
    assert set(aucs) == {"scar", "mvo"}
    assert max(aucs.values()) < LIMIT


def test_a_brighter_picture_of_scarred_patients_is_found(cohort: Path) -> None:
    for export in exports_below(cohort):
        with (export / "labels.csv").open(encoding="utf-8", newline="") as file:
            scarred = {row["patient_id"] for row in csv.DictReader(file) if row["scar"] == "1"}
        for path in (export / "dicom").rglob("*"):
            if path.is_file() and (dataset := pydicom.dcmread(path)).PatientID in scarred:
                pixels = dataset.pixel_array
                dataset.PixelData = (pixels + pixels // 2).astype(pixels.dtype).tobytes()
                dataset.save_as(path)
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
