"""Data sets and exports of as many studies as a bench wants, from one study."""

import os
from pathlib import Path

import numpy as np

from fedcmr.config import Preprocessing
from fedcmr.data.record import StudyRecord
from fedcmr.data.store import ARRAY, STUDIES, Dataset, finish_dataset, open_dataset, write_array
from fedcmr.errors import DataError
from fedcmr.phantom.sites import SiteProfile
from fedcmr.phantom.write import write_site


def write_studies(path: Path, count: int, preprocessing: Preprocessing) -> Dataset:
    """Write a data set of labelled training studies; all have one array, by hard links."""
    settings, side = preprocessing, preprocessing.stored_side
    shape = (settings.slices, settings.phases, side, side)
    noise = np.random.default_rng(0).integers(0, 2**16, shape, dtype=np.uint16)
    records = [_record(f"{number:032x}", preprocessing) for number in range(count)]
    first = path / STUDIES / f"{records[0].study}{ARRAY}"
    checksum = write_array(first, noise)
    for record in records[1:]:
        os.link(first, path / STUDIES / f"{record.study}{ARRAY}")
    checksums = {record.study: checksum for record in records}
    finish_dataset(path, records, checksums, preprocessing, phantom=True, exclusions=())
    return open_dataset(path)


def write_copies(path: Path, count: int, site: SiteProfile) -> Path:
    """Write an export of one phantom's study under as many patients' names; return its folder.

    Raises:
        DataError: the patient's identifier was not found in its files.
    """
    write_site(path / "one", site=site, patients=1, seed=0, workers=1)
    [one] = (path / "one" / "dicom").iterdir()
    for file in [each for each in one.rglob("*") if each.is_file()]:
        content = file.read_bytes()
        if one.name.encode() not in content:
            raise DataError("a phantom without its own name", where=str(file))
        for number in range(count):
            name = f"{number:0{len(one.name)}d}"
            copy = path / "copies" / name / file.relative_to(one)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(content.replace(one.name.encode(), name.encode()))
    return path / "copies"


def _record(study: str, preprocessing: Preprocessing) -> StudyRecord:
    return StudyRecord(
        study=study,
        patient=study,
        vendor="GE",
        field_strength="1.5T",
        model="unknown",
        sex="unknown",
        age_band="unknown",
        aetiology="unknown",
        scar=int(study, 16) % 2,
        mvo=None,
        split="train",
        slices=preprocessing.slices,
        phases=preprocessing.phases,
        spacing_mm=1.5,
        slice_distance_mm=8.0,
        rr_ms=800.0,
        flags=(),
    )
