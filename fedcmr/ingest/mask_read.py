"""A mask file into labelled planes: NIfTI-1 and -2, and DICOM Segmentation (PS3.3 A.51)."""

import math
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import nibabel
import numpy as np
import pydicom
from nibabel.spatialimages import SpatialImage
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from fedcmr.dicom.frame import orientation_of, position_of, spacing_of
from fedcmr.dicom.geometry import Vector, column_direction, row_direction
from fedcmr.dicom.pixel_grid import PixelGrid
from fedcmr.dicom.quiet import quiet
from fedcmr.dicom.refusal import RefusedError
from fedcmr.ingest.mask_files import NIFTI
from fedcmr.ingest.study import MaskFile
from fedcmr.types import DoubleArray, MaskLabel

MOST_VOXELS = 2**28
"""More than any heart; a damaged header must not fill the memory."""
LPS_OF_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])

SEGMENTS = {
    "infarct": MaskLabel.INFARCT,
    "infarction": MaskLabel.INFARCT,
    "myocardial infarction": MaskLabel.INFARCT,
    "scar": MaskLabel.INFARCT,
    "myocardial scar": MaskLabel.INFARCT,
    "mvo": MaskLabel.MVO,
    "microvascular obstruction": MaskLabel.MVO,
    "no-reflow": MaskLabel.MVO,
    "myocardium": MaskLabel.MYOCARDIUM,
    "myocardium structure": MaskLabel.MYOCARDIUM,
    "left ventricular myocardium": MaskLabel.MYOCARDIUM,
    "background": MaskLabel.BACKGROUND,
    "blood pool": MaskLabel.BACKGROUND,
    "left ventricular cavity": MaskLabel.BACKGROUND,
}
"""What a segment is by its SegmentLabel, or else the meaning of its property type code."""
ORDER = (MaskLabel.MYOCARDIUM, MaskLabel.INFARCT, MaskLabel.MVO)
"""Of segments that overlap the later one counts."""


@dataclass(frozen=True)
class MaskSlice:
    """One plane of a mask in which something is drawn."""

    grid: PixelGrid
    labels: NDArray[np.uint8]
    """(Y, X), values of MaskLabel."""


def read_mask(file: MaskFile) -> list[MaskSlice]:
    """Read a mask.

    A plane of nothing but background is left out: it cannot be told from one that nobody read.

    Raises:
        RefusedError: it is damaged, or holds something else than the four labels.
    """
    path = file.root / file.path
    try:
        with quiet():
            nifti = path.name.endswith(NIFTI)
            planes = _nifti(path) if nifti else _segmentation(pydicom.dcmread(path))
    except RefusedError:
        raise
    except Exception:  # both readers raise anything on damaged bytes
        raise RefusedError("mask_unreadable") from None
    drawn = [plane for plane in planes if plane.labels.any()]
    if not drawn:
        raise RefusedError("mask_empty")
    return drawn


def _nifti(path: Path) -> list[MaskSlice]:
    image = nibabel.load(path)
    if not isinstance(image, SpatialImage) or math.prod(image.shape) > MOST_VOXELS:
        raise RefusedError("mask_unreadable")
    values = np.asanyarray(image.dataobj)
    volume = values.reshape(values.shape[:3])
    if not np.isin(volume, list(MaskLabel)).all():
        raise RefusedError("mask_labels")
    affine = LPS_OF_RAS @ image.affine
    # the axis of the longest step leads from slice to slice; a NIfTI file may have it anywhere
    steps = np.linalg.norm(affine[:3, :3], axis=0)
    through = int(np.argmax(steps))
    down, right = (axis for axis in range(3) if axis != through)
    planes = []
    for number in range(volume.shape[through]):
        index = np.zeros(4)
        index[through], index[3] = number, 1
        grid = PixelGrid(
            origin=_vector((affine @ index)[:3]),
            row=_vector(affine[:3, right] / steps[right]),
            column=_vector(affine[:3, down] / steps[down]),
            spacing=(float(steps[down]), float(steps[right])),
            shape=(volume.shape[down], volume.shape[right]),
        )
        planes.append(MaskSlice(grid, volume.take(number, through).astype(np.uint8)))
    return planes


def _segmentation(ds: Dataset) -> list[MaskSlice]:
    frames = ds.pixel_array.reshape(-1, ds.Rows, ds.Columns)
    shared = ds.SharedFunctionalGroupsSequence[0]
    meanings = {int(item.SegmentNumber): _meaning(item) for item in ds.SegmentSequence}
    layers: dict[PixelGrid, dict[MaskLabel, NDArray[np.bool_]]] = defaultdict(dict)
    for pixels, groups in zip(frames, ds.PerFrameFunctionalGroupsSequence, strict=True):
        grid = _frame_grid(shared, groups, pixels.shape)
        if ds.SegmentationType == "LABELMAP":
            found = {int(value): pixels == value for value in np.unique(pixels) if value}
        elif ds.SegmentationType == "BINARY":
            identity = _group(shared, groups, "SegmentIdentificationSequence")
            found = {int(identity.ReferencedSegmentNumber): pixels > 0}
        else:  # a fraction or a probability is not a label
            raise RefusedError("mask_labels")
        for number, inside in found.items():
            if number not in meanings:
                raise RefusedError("mask_labels")
            of_plane = layers[grid]
            label = meanings[number]
            of_plane[label] = of_plane.get(label, np.zeros_like(inside)) | inside
    return [MaskSlice(grid, _flat(of_plane, grid.shape)) for grid, of_plane in layers.items()]


def _flat(layers: dict[MaskLabel, NDArray[np.bool_]], shape: tuple[int, int]) -> NDArray[np.uint8]:
    labels = np.zeros(shape, np.uint8)
    for label in ORDER:
        if label in layers:
            labels[layers[label]] = label
    return labels


def _meaning(segment: Dataset) -> MaskLabel:
    codes = segment.get("SegmentedPropertyTypeCodeSequence") or []
    words = [segment.get("SegmentLabel", ""), *(code.get("CodeMeaning", "") for code in codes)]
    for word in words:
        if (known := str(word).strip().lower()) in SEGMENTS:
            return SEGMENTS[known]
    raise RefusedError("mask_labels")


def _frame_grid(shared: Dataset, groups: Dataset, shape: tuple[int, int]) -> PixelGrid:
    place = _group(shared, groups, "PlanePositionSequence").ImagePositionPatient
    turn = _group(shared, groups, "PlaneOrientationSequence").ImageOrientationPatient
    step = _group(shared, groups, "PixelMeasuresSequence").PixelSpacing
    orientation = orientation_of(tuple(map(float, turn)))
    return PixelGrid(
        position_of(tuple(map(float, place))),
        row_direction(orientation),
        column_direction(orientation),
        spacing_of(tuple(map(float, step))),
        shape,
    )


def _group(shared: Dataset, groups: Dataset, name: str) -> Dataset:
    found: Dataset = (groups.get(name) or shared.get(name))[0]
    return found


def _vector(values: DoubleArray) -> Vector:
    x, y, z = values.tolist()
    return x, y, z
