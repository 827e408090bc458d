"""Masks of a site: NIfTI files by their names, DICOM segmentations by their headers.

A NIfTI file is named PatientID, StudyInstanceUID or SeriesInstanceUID (of the late enhancement),
with `.nii` or `.nii.gz`. A segmentation names what it was drawn on.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

import pydicom

from fedcmr.dicom.quiet import quiet
from fedcmr.ingest.scan import Export, list_files
from fedcmr.ingest.study import CineStudy, Exclusion, MaskFile, StudyKey

NIFTI = (".nii.gz", ".nii")


def find_masks(
    masks: Path | None, export: Export
) -> tuple[Mapping[StudyKey, MaskFile], list[Exclusion]]:
    """Return one mask file a study, everything that is none, and studies without one.

    Of several masks for one study none is used: nothing is guessed.

    Args:
        masks: folder of the masks, or None.
        export: with the segmentations that lie among its files.

    Raises:
        DataError: the folder cannot be read, or holds nothing.
    """
    files = [MaskFile(masks, path) for path in list_files(masks)] if masks is not None else []
    files += [
        MaskFile(export.path, exclusion.paths[0])
        for exclusion in export.exclusions
        if exclusion.code == "segmentation"
    ]
    names = _names(export.studies)
    claimed: dict[StudyKey, list[MaskFile]] = defaultdict(list)
    unused: list[Exclusion] = []
    for file in files:
        wanted = _wanted(file)
        if wanted is None:
            unused.append(_refused(file, "mask_unreadable"))
            continue
        fits = next((names[name] for name in wanted if name in names), [])
        if len(fits) == 1:
            claimed[fits[0]].append(file)
        else:
            unused.append(_refused(file, "mask_ambiguous" if fits else "mask_without_study"))
    for key, several in claimed.items():
        if len(several) > 1:
            unused += [_refused(file, "mask_ambiguous", key) for file in several]
    found = {key: several[0] for key, several in claimed.items() if len(several) == 1}
    without = {key for fits in names.values() for key in fits} - found.keys()
    return found, [*unused, *(Exclusion("mask", "no_mask", *key) for key in without)]


def _names(studies: Iterable[CineStudy]) -> dict[str, list[StudyKey]]:
    """Return what a mask may call a study; two studies may have one name."""
    names: dict[str, set[StudyKey]] = defaultdict(set)
    for study in studies:
        series = {frame.image.series_uid for frame in study.late}
        for name in (*study.key, *series):
            names[name].add(study.key)
    names.pop("", None)
    return {name: sorted(keys) for name, keys in names.items()}


def _wanted(file: MaskFile) -> list[str] | None:
    """Return the names that a mask gives its study, the most exact first; None if it is none."""
    path = file.root / file.path
    if path.name.startswith("."):
        return None
    for ending in NIFTI:
        if path.name.endswith(ending):
            return [path.name.removesuffix(ending)]
    try:
        with quiet():
            header = pydicom.dcmread(path, stop_before_pixels=True)
            series = [str(item.SeriesInstanceUID) for item in header.ReferencedSeriesSequence]
            return [*series, str(header.StudyInstanceUID)]
    except Exception:  # pydicom raises anything on damaged bytes
        return None


def _refused(file: MaskFile, code: str, key: StudyKey = ("", "")) -> Exclusion:
    return Exclusion("mask", code, *key, (file.path,), 0)
