"""Is there a short cut to the labels? What a child could measure, in a logistic regression.

If intensity, sharpness, heart size, ejection fraction, scanner or the number of images told the
labels, a network could score without seeing a lesion.
"""

import csv
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fedcmr.dicom.header import ImageHeader, read_header
from fedcmr.dicom.pixels import read_frames
from fedcmr.dicom.quiet import quiet
from fedcmr.dicom.refusal import RefusedError
from fedcmr.errors import DataError
from fedcmr.types import DoubleArray, FloatArray

LABELS = ("scar", "mvo")
FOLDS = 5
LIMIT = 0.70
"""A cross-validated AUC from here on is a short cut."""


def audit(exports: Sequence[Path]) -> dict[str, float]:
    """Return the cross-validated AUC per label over all exports that `write_site` wrote.

    The measures are mean and spread of the cine's intensity, sharpness, heart size, ejection
    fraction, vendor, field strength, slices and phases; size and ejection fraction are the true
    ones, which no measurement can beat.

    Raises:
        DataError: not a phantom export, or too few patients of a class.
    """
    measures: list[DoubleArray] = []
    labels: list[list[int]] = []
    for export in exports:
        images = _by_patient(export / "dicom")
        truths = _table(export / "truth.csv")
        for patient, row in _table(export / "labels.csv").items():
            if patient not in images or patient not in truths:
                raise DataError("a labelled patient has no images or no truth", where=str(export))
            truth = [float(value) for key, value in truths[patient].items() if key != "patient_id"]
            measures.append(np.array([*_measure(images[patient], export / "dicom"), *truth]))
            labels.append([int(row[label]) for label in LABELS])
    table, classes = np.array(measures), np.array(labels)
    return {name: _auc(table, classes[:, k], name) for k, name in enumerate(LABELS)}


def exports_below(folder: Path) -> list[Path]:
    """Return `folder` if it is an export, else those of its folders that are.

    Raises:
        DataError: there is none.
    """
    found = [path for path in (folder, *sorted(folder.glob("*"))) if (path / "truth.csv").is_file()]
    if not found:
        raise DataError("no phantom export", where=str(folder), fix="run `fedcmr phantom` first")
    return found


def sharpness(cine: FloatArray) -> float:
    """Return the mean squared difference of neighbours over the variance; (N, Y, X) given."""
    rows = np.square(np.diff(cine, axis=1)).mean()
    columns = np.square(np.diff(cine, axis=2)).mean()
    return float((rows + columns) / cine.var())


def _by_patient(dicom: Path) -> dict[str, list[ImageHeader]]:
    found: dict[str, list[ImageHeader]] = defaultdict(list)
    with quiet():
        for path in sorted(path for path in dicom.rglob("*") if path.is_file()):
            try:
                header = read_header(dicom, str(path.relative_to(dicom)))
            except RefusedError:
                continue
            if _is_cine(header):
                found[header.patient_id].append(header)
    return found


def _is_cine(header: ImageHeader) -> bool:
    return header.frames[0].time_ms is not None and not header.inversion


def _measure(images: Sequence[ImageHeader], dicom: Path) -> Iterator[float]:
    frames = [frame for image in images for frame in image.frames if frame.component == "magnitude"]
    layout = images[0].layout
    cine = np.empty((len(frames), layout.rows, layout.columns), np.float32)
    filled = 0
    with quiet():
        for image in images:
            wanted = [frame for frame in image.frames if frame.component == "magnitude"]
            read_frames(dicom, image, wanted, cine[filled : filled + len(wanted)])  # type: ignore[arg-type]  # an array is a sequence of its rows
            filled += len(wanted)
    slices = len({frame.position for frame in frames})
    yield from (float(cine.mean()), float(cine.std()), sharpness(cine))
    yield from (float(slices), len(frames) / slices)
    yield images[0].field_strength or 0.0
    for vendor in ("ge", "siemens", "philips"):
        yield float(images[0].manufacturer.lower().startswith(vendor))


def _auc(measures: DoubleArray, labels: DoubleArray, name: str) -> float:
    smaller = min(int(labels.sum()), int((1 - labels).sum()))
    if smaller < FOLDS:
        raise DataError(
            f"{smaller} patients in one class of {name!r}, {FOLDS} are needed",
            fix="write more patients",
        )
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    scores = cross_val_predict(model, measures, labels, cv=folds, method="predict_proba")[:, 1]
    return float(roc_auc_score(labels, scores))


def _table(path: Path) -> Mapping[str, Mapping[str, str]]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return {row["patient_id"]: row for row in csv.DictReader(file)}
    except OSError as error:
        raise DataError(f"cannot read: {error.strerror}", where=str(path)) from None
