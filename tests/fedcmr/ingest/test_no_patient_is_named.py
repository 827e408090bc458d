"""Markers in every text element of an export; then everything written is searched for them."""

import contextlib
import csv
import io
import logging
from pathlib import Path

import dicom_files
import numpy as np
import pytest
from pydicom.datadict import DicomDictionary
from pydicom.dataset import Dataset

from fedcmr.config import Preprocessing
from fedcmr.data.store import open_dataset
from fedcmr.errors import DataError
from fedcmr.ingest.export import ingest_export
from fedcmr.ingest.preview import write_preview
from fedcmr.ingest.progress import shown

MARKERS = (b"QZXMARK", b"19370428", b"1.2.826.777", b"083059")
"""In text, dates, UIDs and times."""
VALUES = {
    **dict.fromkeys(("LO", "SH", "PN", "LT", "ST", "UT", "UC"), "QZXMARK^QZX"),
    **dict.fromkeys(("CS", "AE"), "QZXMARK"),
    "DA": "19370428",
    "DT": "19370428083059",
    "TM": "083059.77",
    "UI": "1.2.826.777.5",
    "AS": "083Y",
}
NEEDED = {
    *("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"),
    *("PhotometricInterpretation", "SpecificCharacterSet", "ImageType", "ScanningSequence"),
}


def plant(ds: Dataset) -> None:
    """Put a marker into every public text element that a classic object may have."""
    for tag, (vr, _, _, retired, keyword) in DicomDictionary.items():
        group = tag >> 16
        if vr in VALUES and 0x0008 <= group <= 0x0040 and keyword not in NEEDED and not retired:
            ds.add_new(tag, vr, VALUES[vr])
    ds.PatientID = f"QZXMARK-{ds.PatientID}"
    ds.ImageType = ["ORIGINAL", "PRIMARY", "QZXMARK"]
    ds.StudyInstanceUID = "1.2.826.777.1"
    ds.SeriesInstanceUID = f"1.2.826.777.{ds.SeriesNumber}"
    block = ds.private_block(0x0019, "QZXMARK", create=True)
    block.add_new(1, "LO", "QZXMARK")


@pytest.fixture
def export(tmp_path: Path) -> Path:
    folder = tmp_path / "QZXMARK_export"
    planted = dicom_files.cine() + dicom_files.scouts() + dicom_files.late_enhancement()
    times = {id(ds): ds.get("TriggerTime") for ds in planted}
    for ds in planted:
        plant(ds)
        if times[id(ds)] is not None:
            ds.TriggerTime = times[id(ds)]
    dicom_files.write(folder / "QZXMARK^Jane" / "19370428", planted, "QZXMARK")
    frames = dicom_files.heart().reshape(-1, 64, 64)
    positions = [dicom_files.origin(z) for z in range(6) for _ in range(12)]
    multi = dicom_files.enhanced(frames, np.tile(np.arange(12) * 75.0, 6), positions)
    plant(multi)
    multi.PatientID, multi.StudyInstanceUID = "QZXMARK-2", "1.2.826.777.2"
    dicom_files.write(folder / "QZXMARK^John", [multi], "QZXMARK")
    good = (folder / "QZXMARK^John" / "QZXMARK0000").read_bytes()
    (folder / "QZXMARK_cut").write_bytes(good[:-9])
    (folder / "QZXMARK_text").write_bytes(b"QZXMARK")
    broken = bytearray(good)
    broken[400:430] = b"\xff" * 30
    (folder / "QZXMARK_broken").write_bytes(broken)
    return folder


def test_no_marker_is_written_or_said(
    export: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, recwarn: pytest.WarningsRecorder
) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text("patient_id,scar\nQZXMARK-P1,1\nQZXMARK-9,0\n")
    bad = tmp_path / "bad.csv"
    bad.write_text("patient_id,scar\nQZXMARK-P1,1\nQZXMARK-P1,0\n")
    caplog.set_level(logging.DEBUG)
    recwarn.clear()
    said = io.StringIO()
    out = tmp_path / "set"
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said), shown() as progress:
        summary = ingest_export(
            dicom=export,
            labels=labels,
            out=out,
            preprocessing=Preprocessing(slices=6, phases=10, spacing_mm=3.0, size=32),
            key=bytes(32),
            workers=1,
            progress=progress,
        )
        write_preview(open_dataset(out), out / "preview", progress)
        with pytest.raises(DataError) as caught:
            ingest_export(
                dicom=export,
                labels=bad,
                out=tmp_path / "other",
                preprocessing=Preprocessing(),
                key=bytes(32),
            )
    assert summary.studies == 2
    assert {"lge", "no_trigger_time", "truncated_pixels", "not_dicom"} <= summary.exclusions.keys()
    said.write(repr(summary).replace(str(out), "") + caplog.text)
    said.write(str(caught.value).replace(str(bad), ""))
    said.write("".join(str(warning.message) for warning in recwarn))
    searched = {"said": said.getvalue().encode()}
    for path in out.rglob("*"):
        assert not any(marker in str(path.relative_to(out)).encode() for marker in MARKERS)
        if path.is_file():
            searched[str(path)] = path.read_bytes()
    assert len(searched) > 12
    for name, content in searched.items():
        for marker in MARKERS:
            assert marker not in content, (name, marker)
    with (out / "index.csv").open() as file:
        ages = {row["age_band"] for row in csv.DictReader(file)}
    assert ages == {"80-89"}
