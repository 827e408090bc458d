"""Classic MR Image Storage: one image a file (DICOM PS3.3 A.4)."""

from collections.abc import Iterator
from itertools import groupby

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.pixels.encoders.base import RLELosslessEncoder
from pydicom.uid import MRImageStorage, RLELossless

from fedcmr.phantom.header import clock, header
from fedcmr.phantom.series import Component, Image, Series, Stored
from fedcmr.phantom.stamp import Stamp
from fedcmr.phantom.study import Study

IMAGE_TYPES: dict[str, dict[Component, tuple[str, ...]]] = {
    "GE": {
        "magnitude": ("ORIGINAL", "PRIMARY", "OTHER"),
        "real": ("DERIVED", "PRIMARY", "OTHER", "PSIR"),
    },
    "Siemens": {
        "magnitude": ("ORIGINAL", "PRIMARY", "M", "RETRO", "NORM", "DIS2D"),
        "real": ("ORIGINAL", "PRIMARY", "R", "NORM", "DIS2D", "PSIR"),
    },
    "Philips": {
        "magnitude": ("ORIGINAL", "PRIMARY", "M_FFE", "M", "FFE"),
        "phase": ("ORIGINAL", "PRIMARY", "PHASE MAP", "P", "FFE"),
        "real": ("ORIGINAL", "PRIMARY", "R_IR", "R", "IR"),
    },
}
"""ImageType as each vendor words it."""

MS_PER_MINUTE = 60_000.0
_PIXEL_DATA = 0x7FE00010


def classic_files(study: Study, series: Series) -> Iterator[tuple[int, bytes]]:
    """Yield instance number and bytes of every file of a series."""
    stamp = Stamp(_constant(study, series), study.export.syntax)
    numbered = enumerate(series.images, start=1)
    for _, images in groupby(
        numbered, lambda item: (item[1].slice, item[1].component, item[1].acquired_s)
    ):
        of_slice = None
        for instance, image in images:
            of_slice = of_slice or stamp.fill(_of_slice(study, image))
            yield instance, of_slice.file(_of_phase(study, series, image, instance))


def _constant(study: Study, series: Series) -> Dataset:
    dataset = header(study, series)
    dataset.SOPClassUID = MRImageStorage
    late = series.inversion_ms is not None
    dataset.ScanningSequence = ["GR", "IR"] if late else "GR"
    dataset.SequenceVariant = ["SK", "MP"] if late else "SS"
    dataset.ScanOptions = "CG" if series.phases else ""
    dataset.MRAcquisitionType = "2D"
    dataset.SequenceName = study.acquisition.scanner.sequence
    dataset.SliceThickness = series.thickness_mm
    dataset.SpacingBetweenSlices = series.distance_mm
    dataset.RepetitionTime = series.repetition_ms
    dataset.EchoTime = series.echo_ms
    dataset.FlipAngle = series.flip_angle
    if late:
        dataset.InversionTime = series.inversion_ms
    dataset.NumberOfAverages = 1
    dataset.EchoNumbers = 1
    dataset.CardiacNumberOfImages = series.phases
    dataset.ImagesInAcquisition = len(series.images)
    dataset.AcquisitionNumber = 1
    dataset.PixelSpacing = [series.spacing_mm, series.spacing_mm]
    dataset.WindowCenter, dataset.WindowWidth = 500, 1000
    _private(dataset, study)
    return dataset


def _of_slice(study: Study, image: Image) -> Dataset:
    dataset = Dataset()
    dataset.ImageType = list(IMAGE_TYPES[study.acquisition.scanner.vendor][image.component])
    dataset.AcquisitionTime = clock(study, image.acquired_s)
    dataset.ContentTime = clock(study, image.acquired_s + 10)
    if image.trigger_ms is not None:
        dataset.NominalInterval = round(image.rr_ms)
        dataset.HeartRate = round(MS_PER_MINUTE / image.rr_ms)
    dataset.ImagePositionPatient = [round(value, 6) for value in image.position]
    dataset.ImageOrientationPatient = [round(value, 6) for value in image.orientation]
    dataset.SliceLocation = round(image.slice_location, 4)
    if (image.slope, image.intercept) != (1.0, 0.0):
        dataset.RescaleSlope, dataset.RescaleIntercept = image.slope, image.intercept
        dataset.RescaleType = "normalized"
    return dataset


def _of_phase(study: Study, series: Series, image: Image, instance: int) -> Dataset:
    dataset = Dataset()
    dataset.SOPInstanceUID = study.person.uid("image", series.number, instance)
    if image.trigger_ms is not None:
        dataset.TriggerTime = image.trigger_ms
    dataset.InstanceNumber = instance
    dataset.add(_pixel_data(study, image.pixels))
    return dataset


def _pixel_data(study: Study, pixels: Stored) -> DataElement:
    if study.export.syntax != RLELossless:
        return DataElement(_PIXEL_DATA, "OW", pixels.tobytes())
    rows, columns = pixels.shape
    encoded = RLELosslessEncoder.encode(
        pixels,
        encoding_plugin="gdcm",
        rows=rows,
        columns=columns,
        samples_per_pixel=1,
        number_of_frames=1,
        bits_allocated=16,
        bits_stored=16,
        pixel_representation=int(pixels.dtype.kind == "i"),
        photometric_interpretation="MONOCHROME2",
    )
    element = DataElement(_PIXEL_DATA, "OB", encapsulate([encoded], has_bot=False))
    element.is_undefined_length = True
    return element


def _private(dataset: Dataset, study: Study) -> None:
    """Add a vendor's private block; as in life, the patient's name is in it too."""
    scanner, person = study.acquisition.scanner, study.person
    if scanner.vendor == "Siemens":
        block = dataset.private_block(0x0029, "SIEMENS CSA HEADER", create=True)
        block.add_new(0x10, "OB", f"SV10\4\3\2\1 PatientName {person.name}".encode())
    elif scanner.vendor == "Philips":
        block = dataset.private_block(0x2001, "Philips Imaging DD 001", create=True)
        block.add_new(0x10, "CS", "RETRO")
        block.add_new(0x18, "SL", study.acquisition.slices)
    else:
        block = dataset.private_block(0x0009, "GEMS_IDEN_01", create=True)
        block.add_new(0x31, "LO", f"{person.patient_id} {person.accession}")
