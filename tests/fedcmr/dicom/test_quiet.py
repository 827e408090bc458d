import logging
import warnings
from pathlib import Path

import dicom_files
import pydicom
import pytest

from fedcmr.dicom.header import read_header
from fedcmr.dicom.quiet import quiet


def test_an_invalid_uid_is_neither_logged_nor_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ds = dicom_files.classic(dicom_files.heart(1, 1)[0, 0])
    dicom_files.place(ds, position=(0, 0, 0))
    with warnings.catch_warnings(), quiet():
        ds.StudyInstanceUID = "1.2.0777.MARKER"
        dicom_files.write(tmp_path, [ds])
    with caplog.at_level(logging.DEBUG), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with quiet():
            read_header(tmp_path, "im0000")
            str(pydicom.dcmread(tmp_path / "im0000").StudyInstanceUID)
    assert not caught
    assert "0777" not in caplog.text


def test_pydicom_is_as_before_also_after_an_error() -> None:
    before = pydicom.config.settings.reading_validation_mode
    with pytest.raises(ZeroDivisionError), quiet():
        1 / (pydicom.config.settings.reading_validation_mode - pydicom.config.IGNORE)
    assert pydicom.config.settings.reading_validation_mode == before
    assert not logging.getLogger("pydicom").disabled
