"""Small DICOM files for tests: a beating ring in the short axis, as scanners write it."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, generate_uid

MR = "1.2.840.10008.5.1.4.1.1.4"
ENHANCED = "1.2.840.10008.5.1.4.1.1.4.1"
ROW, COLUMN = (0.75, 0.66, 0.0), (-0.27, 0.31, -0.91)
SHORT_AXIS = (0.750713, 0.660628, 0.0, -0.272183, 0.309299, -0.911179)
AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
APEXWARD = np.cross(SHORT_AXIS[3:], SHORT_AXIS[:3])
Change = Callable[[Dataset, int, int], Dataset | None]


@cache
def heart(
    slices: int = 6, phases: int = 12, size: int = 64, spacing: float = 3.0, seed: int = 0
) -> NDArray[np.uint16]:
    """A bright pool in a dark ring that contracts, right of and below the middle.

    Read-only: (Z, T, Y, X).
    """
    rng = np.random.default_rng(seed)
    y, x = (np.mgrid[:size, :size] - np.array([0.55, 0.6])[:, None, None] * size) * spacing
    away = np.hypot(y, x)
    frames = np.empty((slices, phases, size, size), np.uint16)
    for z in range(slices):
        for t in range(phases):
            pool = (30 - 2 * z) * (1 - 0.25 * np.sin(np.pi * t / phases) ** 2)
            image = 250 + 650 * (away < pool) - 150 * ((away >= pool) & (away < 42))
            image[np.hypot(*(np.mgrid[:size, :size] - size / 2)) > size / 2] = 0
            noise = rng.integers(0, 20, image.shape) * (image > 0)
            frames[z, t] = image + noise
    frames.flags.writeable = False
    return frames


def classic(pixels: NDArray[np.generic], *, implicit: bool = False) -> FileDataset:
    """One classic MR object without its place in a study."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = MR
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
    ds = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    ds.SOPClassUID, ds.SOPInstanceUID = MR, meta.MediaStorageSOPInstanceUID
    ds.Modality, ds.Manufacturer, ds.ManufacturerModelName = "MR", "SIEMENS", "Aera"
    ds.ImageType = ["ORIGINAL", "PRIMARY", "M", "ND"]
    ds.MagneticFieldStrength = "1.5"
    ds.PatientName, ds.PatientID, ds.PatientSex, ds.PatientAge = "Doe^J", "P1", "F", "047Y"
    ds.StudyInstanceUID, ds.SeriesInstanceUID = "1.2.3", "1.2.3.4"
    ds.FrameOfReferenceUID = "1.2.3.5"
    ds.SeriesNumber, ds.AcquisitionNumber, ds.InstanceNumber = 3, 1, 1
    ds.ScanningSequence, ds.EchoTime = "GR", "1.2"
    add_pixels(ds, pixels)
    return ds


def add_pixels(ds: Dataset, pixels: NDArray[np.generic]) -> None:
    *frames, ds.Rows, ds.Columns = pixels.shape
    if frames:
        ds.NumberOfFrames = frames[0]
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated = ds.BitsStored = 8 * pixels.dtype.itemsize
    ds.HighBit = ds.BitsStored - 1
    ds.PixelRepresentation = int(pixels.dtype.kind == "i")
    ds.PixelData = pixels.tobytes()


def place(
    ds: Dataset,
    *,
    position: Sequence[float],
    orientation: Sequence[float] = SHORT_AXIS,
    spacing: float = 3.0,
    time: float | None = None,
    rr: float | None = 900.0,
) -> None:
    ds.ImagePositionPatient = [f"{value:.6g}" for value in position]
    ds.ImageOrientationPatient = list(orientation)
    ds.PixelSpacing = [spacing, spacing]
    if time is not None:
        ds.TriggerTime = f"{time:.6g}"
        if rr is not None:
            ds.NominalInterval = round(rr)


def origin(z: int, distance: float = 8.0) -> NDArray[np.float64]:
    return np.array([-100.0, -120.0, 90.0]) + z * distance * APEXWARD


def cine(
    pixels: NDArray[np.generic] | None = None,
    *,
    change: Change | None = None,
    rr: float = 900.0,
    start: float = 12.0,
    implicit: bool = False,
    distance: float = 8.0,
) -> list[FileDataset]:
    """A short-axis cine in classic objects; `change` alters an object or returns another."""
    pixels = heart() if pixels is None else pixels
    slices, phases = pixels.shape[:2]
    written = []
    for z in range(slices):
        for t in range(phases):
            ds = classic(pixels[z, t], implicit=implicit)
            ds.InstanceNumber = z * phases + t + 1
            own_rr = rr * (1 + 0.01 * z)
            time = start + t * own_rr / phases
            place(ds, position=origin(z, distance), time=time, rr=own_rr)
            written.append((change(ds, z, t) if change else None) or ds)
    return written


def scouts() -> list[FileDataset]:
    """Three orthogonal stills, in the series of the cine."""
    planes = (AXIAL, (0, 1, 0, 0, 0, -1), (1, 0, 0, 0, 0, -1))
    written = []
    for number, plane in enumerate(planes, start=1):
        ds = classic(heart(1, 1)[0, 0])
        place(ds, position=(-90, -90, 10), orientation=plane, spacing=4.0)
        ds.SeriesNumber, ds.InstanceNumber, ds.FrameOfReferenceUID = 1, number, "1.2.3.6"
        written.append(ds)
    return written


def late_enhancement(*, real: bool = False) -> list[FileDataset]:
    """A stack of still images after an inversion pulse; magnitude or phase-sensitive."""
    written = []
    for z in range(6):
        ds = classic(heart(6, 1)[z, 0])
        place(ds, position=origin(z), time=600.0)
        ds.SeriesInstanceUID, ds.SeriesNumber = "1.2.3.9", 9
        ds.ScanningSequence, ds.InversionTime = ["GR", "IR"], "280"
        ds.ImageType = ["ORIGINAL", "PRIMARY", "R" if real else "M", "PSIR"]
        written.append(ds)
    return written


def enhanced(
    pixels: NDArray[np.uint16],
    times: NDArray[np.float64],
    positions: Sequence[Sequence[float]],
    *,
    rr: float = 900.0,
    shared: bool = True,
    slopes: Sequence[float] | None = None,
) -> FileDataset:
    """An Enhanced MR object of frames (N, Y, X), one time and position each."""
    ds = classic(pixels[0])
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = ENHANCED
    add_pixels(ds, pixels)
    for name in ("EchoTime", "ScanningSequence"):
        delattr(ds, name)
    plane, measures, echo, kind = Dataset(), Dataset(), Dataset(), Dataset()
    plane.ImageOrientationPatient = list(SHORT_AXIS)
    measures.PixelSpacing = [3.0, 3.0]
    echo.EffectiveEchoTime = 1.2
    kind.FrameType = ["ORIGINAL", "PRIMARY", "M", "NONE"]
    kind.ComplexImageComponent = "MAGNITUDE"
    groups = Dataset()
    groups.PlaneOrientationSequence = Items([plane])
    groups.PixelMeasuresSequence = Items([measures])
    groups.MREchoSequence = Items([echo])
    groups.MRImageFrameTypeSequence = Items([kind])
    if shared:
        ds.SharedFunctionalGroupsSequence = Items([groups])
    frames = []
    for number, (time, position) in enumerate(zip(times, positions, strict=True)):
        frame = Dataset() if shared else deepcopy(groups)
        where, beat, scale = Dataset(), Dataset(), Dataset()
        where.ImagePositionPatient = [f"{value:.6g}" for value in position]
        beat.NominalCardiacTriggerDelayTime = float(time)
        beat.RRIntervalTimeNominal = rr
        scale.RescaleIntercept, scale.RescaleType = 0, "US"
        scale.RescaleSlope = slopes[number] if slopes is not None else 1
        frame.PlanePositionSequence = Items([where])
        frame.CardiacSynchronizationSequence = Items([beat])
        frame.PixelValueTransformationSequence = Items([scale])
        frames.append(frame)
    ds.PerFrameFunctionalGroupsSequence = Items(frames)
    return ds


def write(folder: Path, objects: Sequence[FileDataset], prefix: str = "im") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, ds in enumerate(objects):
        ds.save_as(folder / f"{prefix}{number:04d}", enforce_file_format=True)
