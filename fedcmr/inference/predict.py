"""Score the studies of a raw DICOM export with a release."""

import math
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

import torch

from fedcmr.data.transforms import centre
from fedcmr.dicom.refusal import RefusedError
from fedcmr.durable import write_atomically
from fedcmr.inference.branch import Branch
from fedcmr.inference.result import CSV, JSON, PICTURES, Prediction, Predictions, as_csv, as_json
from fedcmr.ingest.prepare import prepare
from fedcmr.ingest.progress import Progress, counted, silent
from fedcmr.ingest.scan import Export, scan_export
from fedcmr.ingest.study import CineStudy, Exclusion, read_cine
from fedcmr.release.open import OpenRelease, open_release
from fedcmr.release.signing import verify
from fedcmr.tasks.registry import task
from fedcmr.types import StoredCine


def predict(
    release: Path,
    dicom: Path,
    out: Path,
    *,
    public_key: Path | None = None,
    branch: Path | None = None,
    workers: int = 0,
    progress: Progress | None = None,
) -> Predictions:
    """Write predictions.csv and predictions.json of an export into the folder `out`.

    Header pass and preparation are those of ingest, with the preprocessing of the release. With
    `public_key` the signature of the release is checked before anything else. A study that cannot
    be taken gets a reason and no score. With `branch`, the weights of the site's own last round,
    every scored study also gets a picture of where the coarse-mask branch looked, named by its
    number; pictures of an earlier call are removed.

    Raises:
        CheckFailed: the release is not what was signed, or cannot be opened.
        ConfigurationError: the key or the settings of the release cannot be used, or `branch` is
            of another experiment.
        DataError: there is nothing in `dicom`, `branch` is damaged, or `out` cannot be written.
    """
    if public_key is not None:
        verify(release, public_key)
    opened = open_release(release)
    looks = None if branch is None else Branch(branch, opened)
    progress = progress or silent
    export = scan_export(dicom, workers=workers, progress=progress)
    for old in (out / PICTURES).glob("*.png"):  # its number may mean another study now
        old.unlink()
    rows: list[CineStudy | Prediction] = [*export.studies, *_without_cine(export)]
    rows.sort(key=_place)
    scored = counted(
        (
            row
            if isinstance(row, Prediction)
            else _predict_study(opened, dicom, row, looks, out / PICTURES / f"{number}.png")
            for number, row in enumerate(rows, start=1)
        ),
        "scoring studies",
        len(rows),
        progress,
    )
    predictions = Predictions(opened, public_key is not None, tuple(scored), export.exclusions)
    write_atomically(out / CSV, as_csv(predictions))
    write_atomically(out / JSON, as_json(predictions))
    return predictions


def score(release: OpenRelease, stored: StoredCine) -> tuple[float, ...]:
    """Return the probability of class 1 of each sample of one prepared cine (Z, T, Y, X).

    A sample is the study, or each of its slices; nan if it overflows. One at a time on the CPU: a
    score does not depend on the others of the export.
    """
    of_task, preprocessing = task(release.experiment.task), release.experiment.preprocessing
    seen = centre(of_task.input(stored), preprocessing.size)
    samples = seen[:, None] if preprocessing.per_slice else seen[None]
    with torch.inference_mode():
        logits = torch.cat([release.model(sample[None]) for sample in samples])
        # In double, as the scores that the threshold was chosen on.
        return tuple(of_task.score(logits.double()).tolist())


def _predict_study(
    release: OpenRelease, dicom: Path, study: CineStudy, looks: Branch | None, picture: Path
) -> Prediction:
    folder, uid = _place(study)
    try:
        prepared = prepare(read_cine(dicom, study), release.experiment.preprocessing)
    except RefusedError as refusal:
        return Prediction(uid, folder, None, None, study.flags, str(refusal))
    values = score(release, prepared.array)
    if not all(math.isfinite(value) for value in values):
        return Prediction(uid, folder, None, None, prepared.flags, "the model gives no number")
    value = max(values)
    label = release.description.labels[value >= release.threshold]
    slices = values if release.experiment.preprocessing.per_slice else ()
    if looks is not None:
        write_atomically(picture, looks.picture(prepared.array, f"Study {picture.stem}", slices))
    return Prediction(uid, folder, value, label, prepared.flags, None, slices)


def _without_cine(export: Export) -> Iterator[Prediction]:
    """Give a row for every study that was seen, but has no short-axis cine."""
    taken = {(study.patient_id, study.study_uid) for study in export.studies}
    others: dict[tuple[str, str], list[Exclusion]] = defaultdict(list)
    for exclusion in export.exclusions:
        key = (exclusion.patient_id, exclusion.study_uid)
        if exclusion.study_uid and key not in taken:
            others[key].append(exclusion)
    for (_, uid), exclusions in others.items():
        reasons = "; ".join(sorted({exclusion.reason for exclusion in exclusions}))
        folder = _folder(path for exclusion in exclusions for path in exclusion.paths)
        yield Prediction(uid, folder, None, None, (), f"no short-axis cine: {reasons}")


def _place(row: CineStudy | Prediction) -> tuple[str, str]:
    """Return folder and study, which order the rows."""
    if isinstance(row, Prediction):
        return row.folder, row.study_instance_uid
    paths = {frame.image.path for frames in row.grid for frame in frames}
    return _folder(paths), row.study_uid


def _folder(paths: Iterable[str]) -> str:
    return os.path.commonpath([str(Path(path).parent) for path in paths])
