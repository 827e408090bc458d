"""An export and its labels into a data set: resumable, and to the byte the same each time."""

import logging
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from fedcmr.config import Preprocessing
from fedcmr.data.record import StudyRecord
from fedcmr.data.split import split_of
from fedcmr.data.store import finish_dataset, open_dataset
from fedcmr.errors import UsageError
from fedcmr.ingest.deidentify import pseudonym, study_pseudonym
from fedcmr.ingest.labels import Label, read_labels
from fedcmr.ingest.mask_files import find_masks
from fedcmr.ingest.parallel import parallel_map
from fedcmr.ingest.progress import Progress, counted, silent
from fedcmr.ingest.scan import Export, scan_with
from fedcmr.ingest.scanner import (
    UNKNOWN,
    age_band,
    age_of,
    field_strength_of,
    is_phantom,
    model_of,
    sex_of,
    vendor_of,
)
from fedcmr.ingest.study import CineStudy, Exclusion, MaskFile, StudyKey
from fedcmr.ingest.study_files import StoredStudy, remove_others, store_study
from fedcmr.ingest.workplace import Started, check_place, workplace

FEW_STUDIES = 4
"""Prepared in the time that two processes take to start."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class IngestSummary:
    """What became of an export; nothing in it names a patient."""

    dataset: str
    digest: str
    files: int
    patients: int
    studies: int
    splits: dict[str, int]
    labelled: dict[str, int]
    """Studies with a label, by task; for a data set of slices the labelled slices too."""
    exclusions: dict[str, int]
    """Lines of exclusions.csv by code."""
    flags: dict[str, int]
    """Studies by quality flag."""
    resumed: int
    """Studies found finished from an earlier run."""
    phantom: bool
    seconds: float


def ingest_export(
    *,
    dicom: Path,
    labels: Path | None,
    out: Path,
    preprocessing: Preprocessing,
    key: bytes,
    masks: Path | None = None,
    workers: int = 0,
    progress: Progress | None = None,
) -> IngestSummary:
    """Make a data set.

    Args:
        dicom: folder of the export.
        labels: CSV file of the patients.
        out: folder of the data set.
        preprocessing: what to make of a cine.
        key: of the site, for pseudonyms.
        masks: folder of late-enhancement masks, for a data set of slices.
        workers: processes; 0 is one for each core.
        progress: is told about it.

    Raises:
        DataError: the export, the label file or the masks cannot be read, `out` holds something
            else, or the disk is full.
        UsageError: masks for a data set of whole studies.
    """
    if masks is not None and not preprocessing.per_slice:
        raise UsageError(
            "masks belong to a data set of slices", fix="give an --experiment of the task mvo"
        )
    started = time.monotonic()
    known = read_labels(labels) if labels is not None else None
    fingerprint = pseudonym(key, "key", "fingerprint")
    plan = Started(preprocessing=preprocessing, key_fingerprint=fingerprint)
    check_place(out, dicom, plan)
    progress = progress or silent
    with parallel_map(workers) as mapped:
        export = scan_with(mapped, dicom, progress)
        of_studies, excluded = (
            _masks(export, masks) if preprocessing.per_slice else ({}, list(export.exclusions))
        )
        studies = (replace(study, mask=of_studies.get(study.key)) for study in export.studies)
        present: dict[str, str] = {}
        phantom = False
        records: list[StudyRecord] = []
        checksums: dict[str, str] = {}
        mask_checksums: dict[str, str] = {}
        resumed = 0
        with workplace(out, plan):
            store = partial(store_study, root=dicom, out=out, preprocessing=preprocessing, key=key)
            found = mapped(store, studies, few=FEW_STUDIES)
            for study, result in counted(found, "preparing studies", len(export.studies), progress):
                present[study.patient_id] = study.study_uid
                phantom |= is_phantom(study.first.image)
                if isinstance(result, Exclusion):
                    excluded.append(result)
                    continue
                record = _record(study, result, known, key)
                records.append(record)
                checksums[record.study] = result.sha256
                if result.mask_sha256:
                    mask_checksums[record.study] = result.mask_sha256
                elif result.mask_refused:
                    excluded.append(_mask_refused(study, result.mask_refused))
                resumed += result.reused
            if known is not None:
                excluded += _label_gaps(known, present)
            remove_others(out, set(checksums))
            finish_dataset(
                out,
                records,
                checksums,
                preprocessing,
                phantom=phantom,
                exclusions=_rows(excluded, key),
                key_fingerprint=fingerprint,
                mask_checksums=mask_checksums,
            )
    dataset = open_dataset(out)
    counts = dataset.manifest.counts
    return IngestSummary(
        dataset=str(out),
        digest=dataset.digest(),
        files=export.files,
        patients=counts.patients,
        studies=counts.studies,
        splits={"train": counts.train, "validation": counts.validation, "test": counts.test},
        labelled={
            "scar": sum(record.scar is not None for record in records),
            "mvo": sum(record.mvo is not None for record in records),
        }
        | (_labelled_slices(records) if preprocessing.per_slice else {}),
        exclusions=_counted(exclusion.code for exclusion in excluded),
        flags=_counted(flag for record in records for flag in record.flags),
        resumed=resumed,
        phantom=phantom,
        seconds=round(time.monotonic() - started, 1),
    )


def _record(
    study: CineStudy, stored: StoredStudy, known: Mapping[str, Label] | None, key: bytes
) -> StudyRecord:
    image = study.first.image
    patient = pseudonym(key, "patient", study.patient_id)
    label = Label() if known is None else known.get(study.patient_id)
    flags = set(stored.flags) | ({"no_label"} if label is None else set())
    label = label or Label()
    if label.mvo == 0 and any(stored.mvo_slices):
        flags.add("mask_contradicts_label")
    return StudyRecord(
        study=study_pseudonym(key, study.patient_id, study.study_uid),
        patient=patient,
        vendor=vendor_of(image),
        field_strength=field_strength_of(image),
        model=model_of(image),
        sex=label.sex or sex_of(image),
        age_band=age_band(age_of(image) if label.age is None else label.age),
        aetiology=label.aetiology or UNKNOWN,
        scar=label.scar,
        mvo=label.mvo,
        split=split_of(patient),
        slices=study.slices,
        phases=study.phases,
        spacing_mm=round(study.spacing_mm, 4),
        slice_distance_mm=round(study.slice_distance_mm, 2),
        rr_ms=round(stored.preparation.rr_ms, 1),
        flags=tuple(sorted(flags)),
        mvo_slices=stored.mvo_slices,
    )


def _masks(
    export: Export, masks: Path | None
) -> tuple[Mapping[StudyKey, MaskFile], list[Exclusion]]:
    """Return the mask of each study that has one, and what of the export is not used."""
    found, unused = find_masks(masks, export)
    others = [each for each in export.exclusions if each.code != "segmentation"]
    return found, [*others, *unused]


def _mask_refused(study: CineStudy, code: str) -> Exclusion:
    paths = (study.mask.path,) if study.mask is not None else ()
    return Exclusion("mask", code, study.patient_id, study.study_uid, paths)


def _labelled_slices(records: list[StudyRecord]) -> dict[str, int]:
    labels = [value for record in records for value in record.mvo_slices]
    return {"slices without MVO": labels.count(0), "slices with MVO": labels.count(1)}


def _label_gaps(known: Mapping[str, Label], present: Mapping[str, str]) -> list[Exclusion]:
    """Return what the label file and the export do not have in common, and say it once.

    Args:
        known: labels by patient.
        present: a study of each patient of the export.
    """
    without_study = sorted(known.keys() - present.keys())
    without_label = sorted(present.keys() - known.keys())
    if without_study:
        _log.warning(
            "%d of %d patients of the label file have no usable study in the export; "
            "see label_without_study in exclusions.csv",
            len(without_study),
            len(known),
        )
    if without_label:
        _log.warning(
            "%d of %d patients of the export are not in the label file; their studies stay, "
            "unlabelled; see no_label in exclusions.csv",
            len(without_label),
            len(present),
        )
    return [
        *(Exclusion("label", "label_without_study", patient) for patient in without_study),
        *(Exclusion("label", "no_label", patient, present[patient]) for patient in without_label),
    ]


def _rows(excluded: Iterable[Exclusion], key: bytes) -> list[dict[str, str]]:
    """Return the lines of exclusions.csv, sorted; paths and identifiers become pseudonyms."""
    rows = [
        {
            "scope": each.scope,
            "code": each.code,
            "reason": each.reason,
            "study": study_pseudonym(key, each.patient_id, each.study_uid)
            if each.study_uid
            else "",
            "files": str(len(each.paths)),
            "frames": str(each.frames),
            "locator": pseudonym(key, "path", each.paths[0])
            if each.paths
            else pseudonym(key, "patient", each.patient_id),
        }
        for each in excluded
    ]
    return sorted(rows, key=lambda row: tuple(row.values()))


def _counted(codes: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(codes).items()))
