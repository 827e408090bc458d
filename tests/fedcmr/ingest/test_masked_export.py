"""Ingest of slices with masks, from the export to the data set."""

import csv
import shutil
from dataclasses import replace
from pathlib import Path

import dicom_files
import mask_files
import numpy as np
import pytest
import torch
from pydicom.dataset import Dataset

from fedcmr.config import Experiment, Preprocessing
from fedcmr.data.samples import Samples
from fedcmr.data.store import Dataset as DataSet
from fedcmr.data.store import open_dataset
from fedcmr.errors import UsageError
from fedcmr.ingest.export import IngestSummary, ingest_export
from fedcmr.ingest.locate import locate
from fedcmr.ingest.study_files import read_study
from fedcmr.settings import load_settings
from fedcmr.tasks.mvo import mvo_labels

SLICES = Preprocessing(slices=1, phases=10, spacing_mm=3.0, size=32, margin=8)
KEY = bytes(range(32))
MASK = mask_files.drawn()
LABELS = (0, 0, 1, 1, 0, 0)
SHIPPED = Path(__file__).parents[3] / "configs" / "experiments" / "mvo.yaml"
CPU = torch.device("cpu")


def ingest(root: Path, out: str = "set", **changes: object) -> IngestSummary:
    masks = root / "masks"
    options = {"preprocessing": SLICES, "masks": masks if masks.exists() else None} | changes
    return ingest_export(
        dicom=root / "dicom",
        labels=None,
        out=root / out,
        key=KEY,
        workers=1,
        **options,  # type: ignore[arg-type]  # values by name
    )


def codes(data: DataSet) -> list[str]:
    with (data.path / "exclusions.csv").open(encoding="utf-8") as file:
        return sorted(row["code"] for row in csv.DictReader(file) if row["scope"] == "mask")


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """Cine and late enhancement of one patient."""
    objects = dicom_files.cine() + dicom_files.late_enhancement(real=True)
    dicom_files.write(tmp_path / "dicom", objects)
    return tmp_path


@pytest.mark.parametrize("name", ["P1", "1.2.3", "1.2.3.9"])
def test_a_nifti_mask_is_found_by_patient_study_or_series(export: Path, name: str) -> None:
    mask_files.write_nifti(export / "masks" / f"{name}.nii.gz", MASK)
    summary = ingest(export)
    data = open_dataset(export / "set")
    (record,) = data.records
    assert record.mvo_slices == LABELS
    assert data.load(record).shape == (6, 10, 40, 40)
    assert summary.labelled["slices with MVO"] == 2
    assert codes(data) == []


@pytest.mark.parametrize("folder", ["masks", "dicom"])
def test_a_segmentation_is_found_by_its_header_wherever_it_lies(export: Path, folder: str) -> None:
    dicom_files.write(export / folder, [mask_files.segmentation(MASK)], "seg")
    ingest(export)
    data = open_dataset(export / "set")
    assert data.records[0].mvo_slices == LABELS
    assert codes(data) == []


def test_the_mask_lies_on_the_cine(export: Path) -> None:
    """The cine's wall is darker than pool and background; the mask is drawn on it."""
    mask_files.write_nifti(export / "masks" / "P1.nii.gz", MASK)
    ingest(export)
    data = open_dataset(export / "set")
    cine, mask = data.load(data.records[0])[:, 0], data.load_mask(data.records[0])
    assert mask.shape == (6, 40, 40)
    assert cine[mask > 0].mean() < 0.5 * cine[mask == 0].mean()
    # same pixels of 3 mm: not one is lost or made
    assert [(mask[z] == 2).sum() for z in range(6)] == [(MASK[z] == 2).sum() for z in range(6)]


def test_psir_is_preferred_and_the_magnitude_serves_where_there_is_none(tmp_path: Path) -> None:
    magnitude = dicom_files.late_enhancement()
    psir = dicom_files.late_enhancement(real=True)
    for ds in psir:
        ds.SeriesInstanceUID = "1.2.3.10"
    for name, late in (("both", magnitude + psir), ("plain", magnitude)):
        dicom_files.write(tmp_path / name / "dicom", dicom_files.cine() + late)
        mask_files.write_nifti(tmp_path / name / "masks" / "P1.nii.gz", MASK)
        ingest(tmp_path / name)
        data = open_dataset(tmp_path / name / "set")
        stored = read_study(data.path, data.records[0].study)
        assert stored is not None
        assert stored.mask_component == ("real" if name == "both" else "magnitude")
        assert data.records[0].mvo_slices == LABELS


def test_the_shipped_experiment_sees_thirty_frames_of_64_pixels(export: Path) -> None:
    shipped = load_settings(SHIPPED, Experiment).preprocessing
    mask_files.write_nifti(export / "masks" / "P1.nii.gz", MASK)
    ingest(export, preprocessing=shipped)
    data = open_dataset(export / "set")
    (record,) = data.records
    samples = Samples(
        replace(data, records=(replace(record, split="train"),)), "train", mvo_labels, CPU
    )
    assert samples.cines(torch.arange(6)).shape == (6, 1, 30, 64, 64)
    assert samples.masks(torch.arange(6)).shape == (6, 64, 64)
    assert samples.masks(torch.arange(6), whole=True).shape == (6, 72, 72)
    assert samples.targets.tolist() == list(LABELS)


def test_the_label_is_of_the_whole_mask_not_of_the_crop(export: Path) -> None:
    mask = MASK.copy()
    mask[mask == 2] = 1
    mask[5, 1, 1] = 2
    mask_files.write_nifti(export / "masks" / "P1.nii.gz", mask)
    ingest(export)
    data = open_dataset(export / "set")
    (record,) = data.records
    assert record.mvo_slices == (0, 0, 0, 0, 0, 1)
    assert "mvo_off_crop" in record.flags
    assert not (data.load_mask(record) == 2).any()


def test_slices_without_a_drawn_mask_stay_unlabelled(export: Path) -> None:
    mask_files.write_nifti(export / "masks" / "P1.nii.gz", MASK[1:4], moved(1))
    ingest(export)
    (record,) = open_dataset(export / "set").records
    assert record.mvo_slices == (None, 0, 1, 1, None, None)
    assert "mask_gap" in record.flags


def moved(slices: float) -> np.ndarray:
    shift = np.eye(4)
    shift[2, 3] = slices
    moved: np.ndarray = mask_files.affine() @ shift
    return moved


def test_a_mask_beside_the_pixels_of_the_late_enhancement_is_refused(export: Path) -> None:
    shift = np.eye(4)
    shift[0, 3] = 1.0
    mask_files.write_nifti(export / "masks" / "P1.nii.gz", MASK, mask_files.affine() @ shift)
    ingest(export)
    data = open_dataset(export / "set")
    assert data.records[0].mvo_slices == (None,) * 6
    assert data.mask_sha256 == {}
    assert codes(data) == ["mask_grid"]


def test_two_masks_for_one_study_are_both_refused(export: Path) -> None:
    for name in ("P1", "1.2.3"):
        mask_files.write_nifti(export / "masks" / f"{name}.nii.gz", MASK)
    mask_files.write_nifti(export / "masks" / "nobody.nii.gz", MASK)
    (export / "masks" / "readme.txt").write_text("no mask")
    ingest(export)
    data = open_dataset(export / "set")
    found = ["mask_ambiguous"] * 2 + ["mask_unreadable", "mask_without_study", "no_mask"]
    assert codes(data) == found


def test_a_patient_name_that_fits_two_studies_is_refused(export: Path) -> None:
    def second(ds: Dataset, _z: int, _t: int) -> None:
        ds.StudyInstanceUID = "1.2.77"

    dicom_files.write(export / "dicom" / "second", dicom_files.cine(change=second))
    mask_files.write_nifti(export / "masks" / "P1.nii.gz", MASK)
    ingest(export)
    data = open_dataset(export / "set")
    assert codes(data) == ["mask_ambiguous", "no_mask", "no_mask"]
    assert len({record.study for record in data.records}) == 2
    assert len({(record.patient, record.split) for record in data.records}) == 1


def test_without_masks_prediction_data_is_the_same_and_unlabelled(export: Path) -> None:
    ingest(export, "bare")
    mask_files.write_nifti(export / "masks" / "P1.nii.gz", MASK)
    ingest(export)
    bare, masked = open_dataset(export / "bare"), open_dataset(export / "set")
    assert bare.array_sha256 == masked.array_sha256
    assert bare.records[0].mvo_slices == (None,) * 6
    assert codes(bare) == ["no_mask"]
    assert bare.digest() != masked.digest()


def test_a_changed_mask_is_laid_again_and_an_old_one_is_not(export: Path) -> None:
    mask = mask_files.write_nifti(export / "masks" / "P1.nii.gz", MASK)
    first = ingest(export)
    assert ingest(export).resumed == 1
    data = open_dataset(export / "set")
    (path,) = data.path.glob("studies/*.mask.npy")
    path.write_bytes(b"damaged")
    again = ingest(export)
    assert (again.resumed, again.digest) == (0, first.digest)
    changed = MASK.copy()
    changed[0, 30, 60] = 2
    mask_files.write_nifti(mask, changed)
    assert ingest(export).digest != first.digest
    assert open_dataset(export / "set").records[0].mvo_slices[0] == 1
    shutil.rmtree(export / "masks")
    ingest(export)
    assert not list(data.path.glob("studies/*.mask.npy"))


def test_the_label_file_may_not_contradict_the_mask_in_silence(export: Path) -> None:
    mask_files.write_nifti(export / "masks" / "P1.nii.gz", MASK)
    labels = export / "labels.csv"
    labels.write_text("patient_id,mvo\nP1,0\n")
    ingest_export(
        dicom=export / "dicom",
        labels=labels,
        out=export / "set",
        preprocessing=SLICES,
        key=KEY,
        masks=export / "masks",
        workers=1,
    )
    assert "mask_contradicts_label" in open_dataset(export / "set").records[0].flags


def test_a_data_set_of_studies_takes_no_masks(export: Path) -> None:
    mask_files.write_nifti(export / "masks" / "P1.nii.gz", MASK)
    with pytest.raises(UsageError, match="task mvo"):
        ingest(export, preprocessing=Preprocessing(slices=6, phases=10, size=32))


def test_nothing_of_a_mask_names_a_patient(export: Path) -> None:
    mask_files.write_nifti(export / "masks" / "1.2.3.nii.gz", MASK)
    mask_files.write_nifti(export / "masks" / "Doe_John.nii.gz", MASK)
    ingest(export)
    for path in (export / "set").rglob("*"):
        if path.is_file():
            assert b"Doe" not in path.read_bytes()


def test_a_locator_leads_back_to_a_mask(export: Path) -> None:
    path = mask_files.write_nifti(export / "masks" / "nobody.nii.gz", MASK)
    ingest(export)
    with (export / "set" / "exclusions.csv").open(encoding="utf-8") as file:
        (row,) = (row for row in csv.DictReader(file) if row["code"] == "mask_without_study")
    found = locate(export / "dicom", KEY, row["locator"], masks=export / "masks")
    assert found == str(path)
