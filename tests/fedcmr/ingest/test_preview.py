from pathlib import Path

import dicom_files
import mask_files
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


def test_the_mask_is_drawn_on_the_first_frame_only(tmp_path: Path) -> None:
    objects = dicom_files.cine() + dicom_files.late_enhancement()
    dicom_files.write(tmp_path / "export", objects)
    mask_files.write_nifti(tmp_path / "masks" / "P1.nii.gz", mask_files.drawn())
    ingest_export(
        dicom=tmp_path / "export",
        labels=None,
        masks=tmp_path / "masks",
        out=tmp_path / "set",
        preprocessing=Preprocessing(slices=1, phases=10, spacing_mm=3.0, size=32),
        key=bytes(32),
    )
    data = open_dataset(tmp_path / "set")
    (record,) = data.records
    sheet, mask = contact_sheet(data, record), data.load_mask(record)
    coloured = np.ptp(sheet[: 6 * 32, -320:].astype(int), axis=2) > 0
    first, rest = coloured[:, :32].reshape(6, 32, 32), coloured[:, 32:]
    np.testing.assert_array_equal(first, mask > 0)
    assert not rest.any()
    page = write_preview(data, tmp_path / "out").read_text()
    assert "MVO in\n2 slices, none in 4" in page
