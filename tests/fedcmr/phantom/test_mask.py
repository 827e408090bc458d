from pathlib import Path

import numpy as np
import pytest

from fedcmr.config import Preprocessing
from fedcmr.data.store import open_dataset
from fedcmr.ingest.export import ingest_export
from fedcmr.ingest.mask_read import read_mask
from fedcmr.ingest.study import MaskFile
from fedcmr.phantom.lge import render_lge
from fedcmr.phantom.mask import nifti, render_mask, segmentation
from fedcmr.phantom.render import coil_bias, render
from fedcmr.phantom.sites import SITES
from fedcmr.phantom.study import Study, draw_study
from fedcmr.phantom.write import write_site
from fedcmr.types import MaskLabel


def with_mvo(site: str) -> Study:
    studies = (draw_study(SITES[site], index, seed=3) for index in range(60))
    return next(study for study in studies if study.patient.mvo)


def test_labels_lie_where_the_late_enhancement_shows_them() -> None:
    study = with_mvo("ge")
    mask = render_mask(study)
    _, real = render_lge(study.patient, study.acquisition)
    real = real / np.maximum(coil_bias(study.acquisition), 0.1)
    infarct, mvo, wall = (float(np.median(real[mask == label])) for label in (1, 2, 3))
    assert infarct > 0.7
    assert mvo < 0.1
    assert wall < 0.1
    assert set(np.unique(mask)) == set(MaskLabel)


def test_mvo_is_dark_in_the_infarct_on_the_cine() -> None:
    study = with_mvo("siemens")
    mask, cine = render_mask(study), render(study.patient, study.acquisition)
    late = cine[:, round(0.75 * study.acquisition.phases)] / coil_bias(study.acquisition)
    assert np.median(late[mask == MaskLabel.MVO]) < 0.5 * np.median(late[mask == 1])


def test_no_lesion_no_label_but_wall() -> None:
    studies = (draw_study(SITES["ge"], index, seed=3) for index in range(60))
    study = next(study for study in studies if not study.patient.scar)
    assert set(np.unique(render_mask(study))) == {0, 3}


def test_some_slices_of_a_patient_with_mvo_have_none() -> None:
    mask = render_mask(with_mvo("philips"))
    found = (mask == MaskLabel.MVO).any(axis=(1, 2))
    assert found.any()
    assert not found.all()


@pytest.mark.parametrize("encode", [nifti, segmentation], ids=["nifti", "segmentation"])
def test_both_files_hold_the_mask_and_are_the_same_each_time(
    encode: object, tmp_path: Path
) -> None:
    assert callable(encode)
    study = with_mvo("siemens")
    mask = render_mask(study)
    name = "m.nii.gz" if encode is nifti else "m.dcm"
    (tmp_path / name).write_bytes(encode(study, mask))
    assert encode(study, mask) == (tmp_path / name).read_bytes()
    planes = read_mask(MaskFile(tmp_path, name))
    counts = np.sum([np.bincount(p.labels.ravel(), minlength=4) for p in planes], axis=0)
    assert counts[1:].tolist() == np.bincount(mask.ravel())[1:].tolist()


@pytest.mark.parametrize("site", list(SITES))
def test_every_study_of_a_site_is_labelled_by_ingest(site: str, tmp_path: Path) -> None:
    write_site(tmp_path / "site", site=SITES[site], patients=3, seed=4, workers=1)
    ingest_export(
        dicom=tmp_path / "site" / "dicom",
        labels=tmp_path / "site" / "labels.csv",
        masks=tmp_path / "site" / "masks",
        out=tmp_path / "set",
        preprocessing=Preprocessing(slices=1, phases=10, spacing_mm=2.5, size=32),
        key=bytes(32),
        workers=1,
    )
    records = open_dataset(tmp_path / "set").records
    assert len(records) == 3
    for record in records:
        assert None not in record.mvo_slices
        assert max(record.mvo_slices, default=None) == record.mvo
        assert not [flag for flag in record.flags if flag.startswith(("mask", "mvo"))]
