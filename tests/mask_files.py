"""Masks on the late enhancement of `dicom_files`, as NIfTI files and DICOM segmentations."""

from collections.abc import Sequence
from pathlib import Path

import dicom_files
import nibabel
import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileDataset
from pydicom.pixels.utils import pack_bits
from pydicom.sequence import Sequence as Items
from pydicom.uid import generate_uid

SEG = "1.2.840.10008.5.1.4.1.1.66.4"
LABELMAP = "1.2.840.10008.5.1.4.1.1.66.7"
NAMES = ("infarct", "MVO", "myocardium")
SPACING = 3.0


def drawn(slices: int = 6, size: int = 64) -> NDArray[np.uint8]:
    """A ring of wall around the pool of `dicom_files.heart`, an infarct, MVO in slices 2 and 3."""
    y, x = (np.mgrid[:size, :size] - np.array([0.55, 0.6])[:, None, None] * size) * SPACING
    radius = np.hypot(y, x)
    mask = np.zeros((slices, size, size), np.uint8)
    mask[:, (radius >= 30) & (radius < 42)] = 3
    mask[1:5, (radius >= 30) & (radius < 42) & (x > 0) & (y < 0)] = 1
    mask[2:4, (radius >= 30) & (radius < 36) & (x > 6) & (y < -6)] = 2
    return mask


def affine(distance: float = 8.0) -> NDArray[np.float64]:
    """Voxel (column, row, slice) to RAS millimetres."""
    matrix = np.eye(4)
    matrix[:3, 0] = SPACING * np.array(dicom_files.SHORT_AXIS[:3])
    matrix[:3, 1] = SPACING * np.array(dicom_files.SHORT_AXIS[3:])
    matrix[:3, 2] = distance * dicom_files.APEXWARD
    matrix[:3, 3] = dicom_files.origin(0)
    matrix[:2] *= -1
    return matrix


def write_nifti(
    path: Path, mask: NDArray[np.generic], matrix: NDArray[np.float64] | None = None
) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = nibabel.nifti1.Nifti1Image(
        mask.transpose(2, 1, 0), affine() if matrix is None else matrix
    )
    nibabel.save(image, path)
    return path


def segmentation(
    mask: NDArray[np.uint8],
    *,
    kind: str = "BINARY",
    names: Sequence[str] = NAMES,
    study: str = "1.2.3",
    series: str = "1.2.3.9",
) -> FileDataset:
    """A segmentation of the labels 1, 2, 3, in segments of these names."""
    ds = dicom_files.classic(mask[0])
    uid = LABELMAP if kind == "LABELMAP" else SEG
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = uid
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.Modality = study, f"{series}.1", "SEG"
    reference = Dataset()
    reference.SeriesInstanceUID = series
    ds.ReferencedSeriesSequence = Items([reference])
    ds.SegmentationType = kind
    ds.SegmentSequence = Items()
    for number, name in enumerate(names, start=1):
        segment = Dataset()
        segment.SegmentNumber, segment.SegmentLabel = number, name
        ds.SegmentSequence.append(segment)
    shared, measures, turn = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing = [SPACING, SPACING]
    turn.ImageOrientationPatient = list(dicom_files.SHORT_AXIS)
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = Items([measures]), Items([turn])
    ds.SharedFunctionalGroupsSequence = Items([shared])
    if kind == "LABELMAP":
        frames = [(mask[z], z, 0) for z in range(len(mask)) if mask[z].any()]
    else:
        frames = [
            (mask[z] == label, z, label)
            for label in (1, 2, 3)
            for z in range(len(mask))
            if (mask[z] == label).any()
        ]
    ds.PerFrameFunctionalGroupsSequence = Items([_frame(z, label) for _, z, label in frames])
    pixels = np.stack([frame for frame, _, _ in frames]).astype(np.uint8)
    dicom_files.add_pixels(ds, pixels)
    if kind != "LABELMAP":
        ds.BitsAllocated = ds.BitsStored = 1
        ds.HighBit = 0
        ds.PixelData = pack_bits(pixels, pad=True)
    return ds


def _frame(z: int, label: int) -> Dataset:
    groups, place, identity = Dataset(), Dataset(), Dataset()
    place.ImagePositionPatient = [f"{value:.6g}" for value in dicom_files.origin(z)]
    groups.PlanePositionSequence = Items([place])
    if label:
        identity.ReferencedSegmentNumber = label
        groups.SegmentIdentificationSequence = Items([identity])
    return groups
