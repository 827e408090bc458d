from pathlib import Path

import dicom_files
import numpy as np
import pytest
from matplotlib.image import imread

from fedcmr.config import Preprocessing
from fedcmr.data.store import Dataset, open_dataset
from fedcmr.errors import DataError
from fedcmr.ingest.export import ingest_export
from fedcmr.ingest.preview import CROP_COLOUR, contact_sheet, write_preview

SMALL = Preprocessing(slices=7, phases=12, spacing_mm=3.0, size=32)


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    dicom_files.write(tmp_path / "export", dicom_files.cine())
    out = tmp_path / "set"
    ingest_export(
        dicom=tmp_path / "export", labels=None, out=out, preprocessing=SMALL, key=bytes(32)
    )
    return open_dataset(out)


def test_a_sheet_per_study_and_a_page(dataset: Dataset, tmp_path: Path) -> None:
    page = write_preview(dataset, tmp_path / "out")
    (record,) = dataset.records
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(
        ["index.html", f"{record.study}.png"]
    )
    text = page.read_text()
    assert f'src="{record.study}.png"' in text
    assert "few_slices" in text
    assert "padded with zeros" in text
    assert imread(tmp_path / "out" / f"{record.study}.png").shape[:2] == (224, 64 + 320)


def test_the_crop_is_drawn_around_the_heart(dataset: Dataset) -> None:
    sheet = contact_sheet(dataset, dataset.records[0])
    rows, columns = np.nonzero((sheet == CROP_COLOUR).all(axis=2))
    centre = (rows.min() + rows.max()) / 2, (columns.min() + columns.max()) / 2
    assert centre == pytest.approx((0.55 * 64, 0.6 * 64), abs=2)
    assert (np.ptp(rows) + 1, np.ptp(columns) + 1) == (32, 32)


def test_cells_are_slices_by_phases(dataset: Dataset) -> None:
    cine = dataset.load(dataset.records[0])
    sheet = contact_sheet(dataset, dataset.records[0])
    cell = sheet[3 * 32 : 4 * 32, 64 + 5 * 32 : 64 + 6 * 32, 0]
    np.testing.assert_array_equal(cell, cine[3, 6] >> 8)


def test_a_data_set_without_records_of_preparation_is_refused(dataset: Dataset) -> None:
    for path in (dataset.path / "studies").glob("*.json"):
        path.write_text("{}")
    with pytest.raises(DataError, match="no record of its preparation"):
        contact_sheet(dataset, dataset.records[0])
