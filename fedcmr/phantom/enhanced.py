"""Enhanced MR Image Storage: many frames a file (DICOM PS3.3 A.36)."""

from collections.abc import Iterator, Sequence

import numpy as np
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import EnhancedMRImageStorage

from fedcmr.phantom.header import clock, header
from fedcmr.phantom.series import Component, Image, Series
from fedcmr.phantom.stamp import Stamp
from fedcmr.phantom.study import Study

COMPONENTS: dict[Component, str] = {"magnitude": "MAGNITUDE", "phase": "PHASE", "real": "REAL"}

_PIXEL_DATA = 0x7FE00010


def enhanced_files(study: Study, series: Series) -> Iterator[tuple[int, bytes]]:
    """Yield instance number and bytes: all frames in one file, or a file for each time point."""
    groups = [list(series.images)]
    if study.export.layout == "enhanced_per_time" and series.phases > 1:
        groups = [
            [image for image in series.images if image.phase == phase]
            for phase in range(series.phases)
        ]
    stamp = Stamp(_constant(study, series), study.export.syntax)
    for instance, images in enumerate(groups, start=1):
        yield instance, stamp.file(_varying(study, series, images, instance))


def _constant(study: Study, series: Series) -> Dataset:
    dataset = header(study, series)
    dataset.SOPClassUID = EnhancedMRImageStorage
    component = COMPONENTS[series.images[0].component]
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "CARDIAC", "NONE"]
    dataset.ComplexImageComponent = component
    dataset.AcquisitionContrast = "UNKNOWN"
    dataset.VolumetricProperties = "VOLUME"
    dataset.PixelPresentation = "MONOCHROME"
    dataset.ContentQualification = "PRODUCT"
    dataset.ResonantNucleus = "1H"
    dataset.PulseSequenceName = study.acquisition.scanner.sequence
    dataset.CardiacSynchronizationTechnique = "RETROSPECTIVE" if series.phases else "NONE"
    dataset.BurnedInAnnotation = "NO"
    dataset.LossyImageCompression = "00"
    organization = study.person.uid("dimensions", series.number)
    dataset.DimensionOrganizationSequence = Items([_item(DimensionOrganizationUID=organization)])
    pointers = (0x00209056, 0x00209057, 0x00209153)
    dataset.DimensionIndexSequence = Items(
        [
            _item(DimensionOrganizationUID=organization, DimensionIndexPointer=pointer)
            for pointer in pointers
        ]
    )
    dataset.SharedFunctionalGroupsSequence = Items([_shared(series)])
    return dataset


def _shared(series: Series) -> Dataset:
    shared = Dataset()
    shared.PixelMeasuresSequence = _one(
        SliceThickness=series.thickness_mm,
        SpacingBetweenSlices=series.distance_mm,
        PixelSpacing=[series.spacing_mm, series.spacing_mm],
    )
    shared.MRTimingAndRelatedParametersSequence = _one(
        RepetitionTime=series.repetition_ms, FlipAngle=series.flip_angle, EchoTrainLength=1
    )
    shared.MREchoSequence = _one(EffectiveEchoTime=series.echo_ms)
    inversion = series.inversion_ms
    shared.MRModifierSequence = (
        _one(InversionRecovery="NO", SteadyStatePulseSequence="FREE_PRECESSION")
        if inversion is None
        else _one(InversionRecovery="YES", InversionTimes=inversion)
    )
    if _one_plane(series):
        shared.PlaneOrientationSequence = _orientation(series.images[0])
    return shared


def _varying(study: Study, series: Series, images: Sequence[Image], instance: int) -> Dataset:
    dataset = Dataset()
    dataset.SOPInstanceUID = study.person.uid("image", series.number, instance)
    dataset.InstanceNumber = instance
    dataset.AcquisitionNumber = 1
    dataset.AcquisitionDateTime = _moment(study, images[0])
    dataset.ContentTime = clock(study, images[0].acquired_s + 10)
    dataset.NumberOfFrames = len(images)
    oriented = _one_plane(series)
    dataset.PerFrameFunctionalGroupsSequence = Items(
        [_frame(study, image, oriented=oriented) for image in images]
    )
    pixels = np.stack([image.pixels for image in images])
    dataset.add(DataElement(_PIXEL_DATA, "OW", pixels.tobytes()))
    return dataset


def _frame(study: Study, image: Image, *, oriented: bool) -> Dataset:
    frame = Dataset()
    frame.FrameContentSequence = _one(
        FrameAcquisitionDateTime=_moment(study, image),
        StackID="1",
        InStackPositionNumber=image.slice + 1,
        TemporalPositionIndex=image.phase + 1,
        DimensionIndexValues=[1, image.slice + 1, image.phase + 1],
    )
    frame.PlanePositionSequence = _one(
        ImagePositionPatient=[round(value, 6) for value in image.position]
    )
    if not oriented:
        frame.PlaneOrientationSequence = _orientation(image)
    if image.trigger_ms is not None:
        frame.CardiacSynchronizationSequence = _one(
            NominalCardiacTriggerDelayTime=image.trigger_ms,
            ActualCardiacTriggerDelayTime=image.trigger_ms,
            RRIntervalTimeNominal=image.rr_ms,
        )
    frame.MRImageFrameTypeSequence = _one(
        FrameType=["ORIGINAL", "PRIMARY", "CARDIAC", "NONE"],
        ComplexImageComponent=COMPONENTS[image.component],
    )
    frame.PixelValueTransformationSequence = _one(
        RescaleIntercept=image.intercept, RescaleSlope=image.slope, RescaleType="US"
    )
    frame.FrameVOILUTSequence = _one(WindowCenter=500, WindowWidth=1000)
    return frame


def _one_plane(series: Series) -> bool:
    return len({image.orientation for image in series.images}) == 1


def _orientation(image: Image) -> Items:
    return _one(ImageOrientationPatient=[round(value, 6) for value in image.orientation])


def _moment(study: Study, image: Image) -> str:
    return study.person.study_date + clock(study, image.acquired_s)


def _one(**elements: object) -> Items:
    return Items([_item(**elements)])


def _item(**elements: object) -> Dataset:
    item = Dataset()
    for keyword, value in elements.items():
        setattr(item, keyword, value)
    return item
