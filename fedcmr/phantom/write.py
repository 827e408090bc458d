"""A site's export on disk: `dicom/` as the archive hands it over, `labels.csv` and masks beside it.

`truth.csv` holds what only the generator knows, for the audit; no real export has it.
"""

import csv
import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from fedcmr.errors import UsageError
from fedcmr.phantom.classic import classic_files
from fedcmr.phantom.enhanced import enhanced_files
from fedcmr.phantom.mask import nifti, render_mask, segmentation
from fedcmr.phantom.render import stack
from fedcmr.phantom.series import Series
from fedcmr.phantom.sites import SiteProfile
from fedcmr.phantom.study import Study, draw_study, series_of

LABEL_COLUMNS = ("patient_id", "scar", "mvo", "aetiology", "sex", "age")
TRUTH_COLUMNS = ("patient_id", "ejection_fraction", "endocardial_radius_mm", "length_mm")

Row = tuple[str | int | float, ...]


def write_site(
    out: Path,
    *,
    site: SiteProfile,
    patients: int,
    seed: int,
    workers: int = 0,
    progress: Callable[[int], None] | None = None,
) -> None:
    """Write `out/dicom`, `out/masks` and two tables; the same call, the same bytes.

    Args:
        out: folder of this site; created.
        site: whose scanners and habits.
        patients: studies to write, one a patient; patient k does not depend on their number.
        seed: of the whole cohort.
        workers: processes; 0 is one for each core.
        progress: called with the number of patients written so far.

    Raises:
        UsageError: `out` holds files already.
    """
    if out.is_dir() and any(out.iterdir()):
        raise UsageError("the folder is not empty", where=str(out), fix="choose a new one")
    dicom = out / "dicom"
    dicom.mkdir(parents=True)
    (out / "masks").mkdir()
    labels: list[Row] = []
    truths: list[Row] = []
    jobs = [(dicom, site, index, seed) for index in range(patients)]
    with _mapped(min(workers or multiprocessing.cpu_count(), patients)) as mapped:
        for label, truth in mapped(_write_patient, jobs):
            labels.append(label)
            truths.append(truth)
            if progress is not None:
                progress(len(labels))
    _write_table(out / "labels.csv", LABEL_COLUMNS, labels)
    _write_table(out / "truth.csv", TRUTH_COLUMNS, truths)


@contextmanager
def _mapped(workers: int) -> Iterator[Callable[..., Iterator[tuple[Row, Row]]]]:
    if workers == 1:
        yield map
        return
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        yield pool.imap


def _write_patient(job: tuple[Path, SiteProfile, int, int]) -> tuple[Row, Row]:
    dicom, site, index, seed = job
    study = draw_study(site, index, seed)
    for series in series_of(study):
        for instance, content in files_of(study, series):
            path = dicom / _path(study, series, instance)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            if "resource_forks" in study and instance == 1:
                path.with_name(f"._{path.name}").write_bytes(b"\0\5\26\7\0\2\0\0Mac OS X")
    name, content = _mask(study, site)
    (dicom.parent / "masks" / name).write_bytes(content)
    patient, patient_id = study.patient, study.person.patient_id
    ejection = round(stack(patient, study.acquisition).ejection_fraction, 4)
    label = (patient_id, int(patient.scar), int(patient.mvo), patient.aetiology, patient.sex)
    size = (round(patient.endocardial_radius_mm, 2), round(patient.length_mm, 1))
    return (*label, patient.age), (patient_id, ejection, *size)


def files_of(study: Study, series: Series) -> Iterator[tuple[int, bytes]]:
    """Yield instance number and bytes of the files of a series in the layout of its export."""
    if study.export.layout in ("enhanced", "enhanced_per_time"):
        return enhanced_files(study, series)
    return classic_files(study, series)


def _mask(study: Study, site: SiteProfile) -> tuple[str, bytes]:
    mask, person = render_mask(study), study.person
    match site.masks:
        case "segmentation":
            return f"{person.patient_id}.dcm", segmentation(study, mask)
        case "nifti_by_study":
            return f"{person.uid('study')}.nii.gz", nifti(study, mask)
        case _:
            return f"{person.patient_id}.nii.gz", nifti(study, mask)


def _path(study: Study, series: Series, instance: int) -> Path:
    """Name the file as the vendor's archive does; the name may be the patient's."""
    person = study.person
    match study.acquisition.scanner.vendor:
        case "Siemens":
            name = person.name.replace("^", "_").upper()
            folder = Path(f"{name}_{person.patient_id}")
            return folder / f"{name}.MR.{series.number:04d}.{instance:04d}.IMA"
        case "Philips":
            return Path(person.patient_id) / "DICOM" / f"IM_{series.number:04d}_{instance:04d}"
        case _:
            folder = Path(person.patient_id) / f"S{series.number:04d}"
            return folder / f"IM-0001-{instance:04d}.dcm"


def _write_table(path: Path, columns: tuple[str, ...], rows: list[Row]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(columns)
        table.writerows(rows)
