"""What is read of an MR object before its pixels: the allow-list of `tags`, nothing else."""

import io
from pathlib import Path
from typing import Literal, NamedTuple

import pydicom
from pydicom.uid import (
    UID,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from fedcmr.dicom import tags
from fedcmr.dicom.elements import Elements
from fedcmr.dicom.enhanced import enhanced_frames, enhanced_inversion
from fedcmr.dicom.frame import (
    FrameHeader,
    component_of,
    orientation_of,
    position_of,
    rescale_of,
    rr_interval,
    spacing_of,
)
from fedcmr.dicom.refusal import RefusedError
from fedcmr.dicom.walk import walk

MR_IMAGE = "1.2.840.10008.5.1.4.1.1.4"
ENHANCED_MR_IMAGES = ("1.2.840.10008.5.1.4.1.1.4.1", "1.2.840.10008.5.1.4.1.1.4.4")
"""Enhanced MR Image and Legacy Converted Enhanced MR Image."""
SEGMENTATIONS = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")
"""Segmentation and Label Map Segmentation."""
MEDIA_DIRECTORY = "1.2.840.10008.1.3.10"
UNCOMPRESSED = (ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian)

HEADER_BYTES = 16384
"""Read at once: most headers have 2 to 10 kB; of a longer one ever more is read."""
MORE = 16
"""Times what was read before."""
ELEMENT_BYTES = 12
"""Tag, VR and length before a value, at most."""
UNDEFINED_LENGTH = 0xFFFFFFFF


class PixelLayout(NamedTuple):
    """How the pixels of a file are coded."""

    syntax: str
    """UID of the transfer syntax."""
    rows: int
    columns: int
    frames: int
    bits_allocated: int
    bits_stored: int
    signed: bool
    big_endian: bool
    offset: int | None
    """First byte of the pixel data's value in the file; None in a deflated file."""

    @property
    def encoded(self) -> bool:
        """Return whether a decoder is needed."""
        return self.syntax not in UNCOMPRESSED


class ImageHeader(NamedTuple):
    """One MR object. Path, patient and UIDs are the hospital's own: never to be written."""

    path: str
    """Relative to the export."""
    enhanced: bool
    patient_id: str
    study_uid: str
    series_uid: str
    instance_uid: str
    frame_of_reference: str
    order: tuple[float, float, float, float]
    """Series, acquisition, time of acquisition, instance: later is larger."""
    manufacturer: str
    model: str
    field_strength: float | None
    serial: str
    sex: str
    age: str
    inversion: bool
    """Acquired after an inversion pulse, as late enhancement is."""
    layout: PixelLayout
    frames: tuple[FrameHeader, ...]


def read_header(root: Path, path: str) -> ImageHeader:
    """Read the header of `root/path`; call it within `quiet()`.

    Raises:
        RefusedError: not a DICOM file, not an MR image, damaged, or without what ingest needs.
    """
    file = root / path
    if file.name.startswith("._"):
        raise RefusedError("appledouble")
    try:
        with file.open("rb") as opened:
            start = opened.read(HEADER_BYTES)
            if start[128:132] != b"DICM":
                pointer = start.startswith(b"version https://git-lfs")
                raise RefusedError("lfs_pointer" if pointer else "not_dicom")
            size = len(start) if len(start) < HEADER_BYTES else file.stat().st_size
            header = _walked(start)
            while header is None and len(start) < size:
                start += opened.read(MORE * len(start))
                header = _walked(start)
        syntax, elements, end = header or _parse(start)
    except RefusedError:
        raise
    except Exception:  # pydicom raises anything on damaged bytes
        raise RefusedError("unreadable") from None
    return _header(path, UID(syntax), elements, start[end : end + ELEMENT_BYTES], end, size)


def _walked(start: bytes) -> tuple[str, Elements, int] | None:
    """Walk through what was read of a file; None if the element after the header is cut too."""
    header = walk(start)
    return header if header is not None and header[2] + ELEMENT_BYTES <= len(start) else None


def _parse(content: bytes) -> tuple[str, Elements, int]:
    """Return transfer syntax, elements and where they end, by pydicom's reader."""
    buffer = io.BytesIO(content)
    dataset = pydicom.dcmread(buffer, stop_before_pixels=True, specific_tags=tags.TOP_LEVEL)
    if dataset.file_meta.get("MediaStorageSOPClassUID") == MEDIA_DIRECTORY:
        raise RefusedError("media_directory")
    syntax = dataset.file_meta.get("TransferSyntaxUID") or ""
    elements = Elements.of(dataset, big_endian=syntax == ExplicitVRBigEndian)
    return syntax, elements, buffer.tell()


def _header(
    path: str, syntax: UID, elements: Elements, after: bytes, end: int, size: int
) -> ImageHeader:
    sop_class = elements.text(tags.SOP_CLASS_UID)
    if not syntax:
        raise RefusedError("no_transfer_syntax")
    if not sop_class:
        raise RefusedError("no_sop_class")
    if sop_class in SEGMENTATIONS:
        raise RefusedError("segmentation")
    enhanced = sop_class in ENHANCED_MR_IMAGES
    if not enhanced and sop_class != MR_IMAGE:
        raise RefusedError("not_mr_image")
    if "MOSAIC" in elements.texts(tags.IMAGE_TYPE):
        raise RefusedError("mosaic")
    layout = _layout(elements, syntax, after, end, size)
    if not enhanced and layout.frames > 1:
        raise RefusedError("multiframe_classic")
    frames = tuple(enhanced_frames(elements)) if enhanced else (_classic_frame(elements),)
    if len(frames) != layout.frames:
        raise RefusedError("no_geometry")
    patient_id = elements.text(tags.PATIENT_ID)
    study_uid = elements.text(tags.STUDY_INSTANCE_UID)
    if not patient_id or not study_uid:
        raise RefusedError("no_identity")
    order = (tags.SERIES_NUMBER, tags.ACQUISITION_NUMBER, tags.ACQUISITION_TIME)
    series, acquisition, time = (elements.number(tag) or 0.0 for tag in order)
    return ImageHeader(
        path=path,
        enhanced=enhanced,
        patient_id=patient_id,
        study_uid=study_uid,
        series_uid=elements.text(tags.SERIES_INSTANCE_UID),
        instance_uid=elements.text(tags.SOP_INSTANCE_UID),
        frame_of_reference=elements.text(tags.FRAME_OF_REFERENCE_UID),
        order=(series, acquisition, time, elements.number(tags.INSTANCE_NUMBER) or 0.0),
        manufacturer=elements.text(tags.MANUFACTURER),
        model=elements.text(tags.MANUFACTURER_MODEL_NAME),
        field_strength=elements.number(tags.MAGNETIC_FIELD_STRENGTH),
        serial=elements.text(tags.DEVICE_SERIAL_NUMBER),
        sex=elements.text(tags.PATIENT_SEX),
        age=elements.text(tags.PATIENT_AGE),
        inversion=enhanced_inversion(elements) if enhanced else _classic_inversion(elements),
        layout=layout,
        frames=frames,
    )


def _layout(elements: Elements, syntax: UID, after: bytes, end: int, size: int) -> PixelLayout:
    if syntax.is_private or not syntax.is_transfer_syntax:
        raise RefusedError("unknown_transfer_syntax")
    allocated = elements.unsigned(tags.BITS_ALLOCATED)
    stored = elements.unsigned(tags.BITS_STORED)
    if (
        elements.unsigned(tags.SAMPLES_PER_PIXEL) != 1
        or elements.text(tags.PHOTOMETRIC_INTERPRETATION) != "MONOCHROME2"
        or allocated not in {8, 16}
        or not 0 < stored <= allocated
    ):
        raise RefusedError("unsupported_pixels")
    big_endian = syntax == ExplicitVRBigEndian
    layout = PixelLayout(
        syntax=str(syntax),
        rows=elements.unsigned(tags.ROWS),
        columns=elements.unsigned(tags.COLUMNS),
        frames=int(elements.number(tags.NUMBER_OF_FRAMES) or 1),
        bits_allocated=allocated,
        bits_stored=stored,
        signed=elements.unsigned(tags.PIXEL_REPRESENTATION) == 1,
        big_endian=big_endian,
        offset=None,
    )
    if syntax.is_deflated:
        return layout
    byte_order: Literal["big", "little"] = "big" if big_endian else "little"
    group, element = (int.from_bytes(after[at : at + 2], byte_order) for at in (0, 2))
    if (group << 16) + element != tags.PIXEL_DATA:
        raise RefusedError("no_pixels")
    # PS3.5 7.1: an implicit element has 4 bytes of length after its tag, an explicit OB or OW
    # its VR, two bytes of zeros, and then 4 bytes of length
    first = 4 if syntax.is_implicit_VR else 8
    length = int.from_bytes(after[first : first + 4], byte_order)
    layout = layout._replace(offset=end + first + 4)
    if layout.encoded:
        return layout
    needed = layout.rows * layout.columns * layout.frames * allocated // 8
    if not needed or length == UNDEFINED_LENGTH:
        raise RefusedError("no_pixels")
    if min(length, size - end - first - 4) < needed:
        raise RefusedError("truncated_pixels")
    return layout


def _classic_frame(elements: Elements) -> FrameHeader:
    slope, intercept = rescale_of(elements)
    interval = elements.number(tags.NOMINAL_INTERVAL)
    return FrameHeader(
        number=0,
        orientation=orientation_of(elements.numbers(tags.IMAGE_ORIENTATION_PATIENT)),
        position=position_of(elements.numbers(tags.IMAGE_POSITION_PATIENT)),
        spacing=spacing_of(elements.numbers(tags.PIXEL_SPACING)),
        time_ms=elements.number(tags.TRIGGER_TIME),
        rr_ms=rr_interval(interval, elements.number(tags.HEART_RATE)),
        component=component_of(elements.texts(tags.IMAGE_TYPE)),
        echo_ms=elements.number(tags.ECHO_TIME),
        slope=slope,
        intercept=intercept,
    )


def _classic_inversion(elements: Elements) -> bool:
    sequence = elements.texts(tags.SCANNING_SEQUENCE)
    inverted = "IR" in sequence or (elements.number(tags.INVERSION_TIME) or 0) > 0
    return inverted and "SE" not in sequence  # a spin echo with inversion is an oedema image
