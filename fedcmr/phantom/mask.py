"""What a reader would draw on the late enhancement: wall, infarct, MVO; as NIfTI or DICOM SEG."""

import gzip
from dataclasses import replace

import nibabel
import numpy as np
from pydicom.dataset import Dataset
from pydicom.pixels.utils import pack_bits
from pydicom.sequence import Sequence as Items
from pydicom.uid import ExplicitVRLittleEndian

from fedcmr.phantom.header import SERIAL, clock
from fedcmr.phantom.heart import ANGLES
from fedcmr.phantom.plane import slice_offsets_mm
from fedcmr.phantom.render import (
    DEPTHS,
    lesion_extent,
    mvo_core,
    phase_times,
    pixel_mm,
    slice_centres,
    stack,
)
from fedcmr.phantom.stamp import Stamp
from fedcmr.phantom.study import PSIR_SERIES, Study
from fedcmr.types import MaskLabel, StoredMask

INFARCT = 0.5
"""Share of scar from which a reader draws it."""
SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
SEGMENTS = {
    1: (MaskLabel.MYOCARDIUM, "myocardium", ("74281007", "SCT", "Myocardium structure")),
    2: (MaskLabel.INFARCT, "infarct", ("22298006", "SCT", "Myocardial infarction")),
    3: (
        MaskLabel.MVO,
        "microvascular obstruction",
        ("mvo", "99FEDCMR", "Microvascular obstruction"),
    ),
}
"""Number in the segmentation to label, name and code."""


def render_mask(study: Study) -> StoredMask:
    """Return the mask on the pixels of the late enhancement, (Z, Y, X)."""
    patient, still = study.patient, replace(study.acquisition, phases=1)
    heart = stack(patient, still)
    wall = np.full((len(heart.levels), ANGLES, DEPTHS), MaskLabel.MYOCARDIUM, np.uint8)
    if patient.lesion is not None:
        wall[lesion_extent(heart, patient.lesion) > INFARCT] = MaskLabel.INFARCT
    wall[mvo_core(heart)] = MaskLabel.MVO
    endocardium, epicardium = (radius[0] for radius in heart.contours_mm(phase_times(still)))
    x, y = pixel_mm(still)
    mask = np.zeros((len(heart.levels), still.pixels, still.pixels), np.uint8)
    for z, (right, down) in enumerate(slice_centres(patient, still)):
        radius = np.hypot(x - right, y - down)
        angle = np.arctan2(y - down, x - right) - patient.septum_angle
        column = np.rint(angle * (ANGLES / (2 * np.pi))).astype(np.intp) % ANGLES
        inner, outer = endocardium[z][column], epicardium[z][column]
        layer = ((radius - inner) / (outer - inner) * DEPTHS).clip(0, DEPTHS - 1).astype(np.intp)
        inside = (radius >= inner) & (radius < outer)
        mask[z][inside] = wall[z][column, layer][inside]
    return mask


def nifti(study: Study, mask: StoredMask) -> bytes:
    """Return a compressed NIfTI-1 file, columns first, as converters write it."""
    acquisition, plane = study.acquisition, study.plane
    affine = np.eye(4)
    affine[:3, 0] = acquisition.spacing_mm * plane.row
    affine[:3, 1] = acquisition.spacing_mm * plane.column
    affine[:3, 2] = -acquisition.slice_distance_mm * plane.normal
    affine[:3, 3] = plane.corner(acquisition.pixels, acquisition.spacing_mm, 0.0)
    affine[:2] *= -1  # NIfTI has x to the right and y to the front
    image = nibabel.nifti1.Nifti1Image(mask.transpose(2, 1, 0), affine)
    return gzip.compress(image.to_bytes(), mtime=0)


def segmentation(study: Study, mask: StoredMask) -> bytes:
    """Return a binary DICOM segmentation; a segment has a frame where it has a pixel."""
    ds = _described(study)
    ds.SegmentSequence = Items([_segment(number) for number in SEGMENTS])
    offsets = slice_offsets_mm(study.acquisition)
    spacing = study.acquisition.spacing_mm
    measures, turn = Dataset(), Dataset()
    measures.PixelSpacing = [spacing, spacing]
    measures.SliceThickness = study.acquisition.scanner.thickness_mm
    turn.ImageOrientationPatient = [round(value, 6) for value in study.plane.orientation]
    shared = Dataset()
    shared.PixelMeasuresSequence = Items([measures])
    shared.PlaneOrientationSequence = Items([turn])
    ds.SharedFunctionalGroupsSequence = Items([shared])
    frames, groups = [], []
    for number, (label, _, _) in SEGMENTS.items():
        for z in range(len(mask)):
            inside = mask[z] == label
            if not inside.any():
                continue
            frames.append(inside)
            corner = study.plane.corner(study.acquisition.pixels, spacing, float(offsets[z]))
            groups.append(_frame(number, z, corner.tolist()))
    ds.PerFrameFunctionalGroupsSequence = Items(groups)
    ds.NumberOfFrames = len(frames)
    ds.PixelData = pack_bits(np.stack(frames).astype(np.uint8), pad=True)
    ds["PixelData"].VR = "OB"
    varying = Dataset()
    varying.SOPInstanceUID = study.person.uid("segmentation", "instance")
    return Stamp(ds, ExplicitVRLittleEndian).file(varying)


def _described(study: Study) -> Dataset:
    person, pixels = study.person, study.acquisition.pixels
    ds = Dataset()
    ds.SOPClassUID = SEGMENTATION
    ds.SpecificCharacterSet = "ISO_IR 100"
    ds.PatientName, ds.PatientID = person.name, person.patient_id
    ds.PatientBirthDate, ds.PatientSex = person.birth_date, study.patient.sex
    ds.StudyInstanceUID, ds.SeriesInstanceUID = person.uid("study"), person.uid("segmentation")
    ds.StudyDate = ds.SeriesDate = ds.ContentDate = person.study_date
    ds.StudyTime, ds.ContentTime = clock(study, 0), clock(study, 2000)
    ds.StudyID, ds.AccessionNumber = person.accession[-4:], person.accession
    ds.ReferringPhysicianName = person.referrer
    ds.Modality, ds.SeriesNumber, ds.InstanceNumber = "SEG", 900, 1
    ds.Manufacturer, ds.ManufacturerModelName = "FEDCMR", "phantom"
    ds.DeviceSerialNumber, ds.SoftwareVersions = SERIAL, "1"
    ds.FrameOfReferenceUID = person.uid("frame of reference")
    ds.PositionReferenceIndicator = ""
    ds.ImageType = ["DERIVED", "PRIMARY"]
    ds.ContentLabel, ds.ContentDescription = "LGE", "wall, infarct and MVO of a phantom"
    ds.ContentCreatorName = "FEDCMR"
    ds.LossyImageCompression = "00"
    ds.SegmentationType = "BINARY"
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.Rows = ds.Columns = pixels
    ds.BitsAllocated = ds.BitsStored = 1
    ds.HighBit = ds.PixelRepresentation = 0
    series = Dataset()
    series.SeriesInstanceUID = person.uid("series", PSIR_SERIES)
    ds.ReferencedSeriesSequence = Items([series])
    organization = Dataset()
    organization.DimensionOrganizationUID = person.uid("dimensions", "segmentation")
    ds.DimensionOrganizationSequence = Items([organization])
    ds.DimensionIndexSequence = Items(
        [
            _index(organization.DimensionOrganizationUID, pointer, within)
            for pointer, within in ((0x0062000B, 0x0062000A), (0x00200032, 0x00209113))
        ]
    )
    return ds


def _index(organization: str, pointer: int, within: int) -> Dataset:
    item = Dataset()
    item.DimensionOrganizationUID = organization
    item.DimensionIndexPointer, item.FunctionalGroupPointer = pointer, within
    return item


def _segment(number: int) -> Dataset:
    _, name, code = SEGMENTS[number]
    segment = Dataset()
    segment.SegmentNumber, segment.SegmentLabel = number, name
    segment.SegmentAlgorithmType = "MANUAL"
    tissue = ("85756007", "SCT", "Tissue")
    segment.SegmentedPropertyCategoryCodeSequence = Items([_code(*tissue)])
    segment.SegmentedPropertyTypeCodeSequence = Items([_code(*code)])
    return segment


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, scheme, meaning
    return code


def _frame(number: int, z: int, corner: list[float]) -> Dataset:
    content, place, identity = Dataset(), Dataset(), Dataset()
    content.DimensionIndexValues = [number, z + 1]
    place.ImagePositionPatient = [round(value, 6) for value in corner]
    identity.ReferencedSegmentNumber = number
    frame = Dataset()
    frame.FrameContentSequence = Items([content])
    frame.PlanePositionSequence = Items([place])
    frame.SegmentIdentificationSequence = Items([identity])
    return frame
