"""Enhanced MR Image Storage: many frames a file (DICOM PS3.3 A.36)."""

from collections.abc import Iterator

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

DIMENSIONS = (0x00209056, 0x00209057, 0x00209128)
"""StackID, InStackPositionNumber, TemporalPositionIndex."""

_PIXEL_DATA = 0x7FE00010


def enhanced_files(study: Study, series: Series) -> Iterator[tuple[int, bytes]]:
    """Yield instance number and bytes: all frames in one file, or a file for each time point."""
    objects = [list(series.images)]
    if study.export.layout == "enhanced_per_time" and series.phases > 1:
        objects = [
            [image for image in series.images if image.phase == phase]
            for phase in range(series.phases)
        ]
    alike = _shared_groups(series)
    constant = _constant(study, series)
    constant.SharedFunctionalGroupsSequence = Items([_shared(series, alike)])
    stamp = Stamp(constant, study.export.syntax)
    for instance, images in enumerate(objects, start=1):
        dataset = Dataset()
        dataset.SOPInstanceUID = study.person.uid("image", series.number, instance)
        dataset.InstanceNumber = instance
        dataset.AcquisitionDateTime = _moment(study, images[0])
        dataset.ContentTime = clock(study, images[0].acquired_s + 10)
        dataset.NumberOfFrames = len(images)
        dataset.PerFrameFunctionalGroupsSequence = Items([_frame(image, alike) for image in images])
        pixels = np.stack([image.pixels for image in images])
        dataset.add(DataElement(_PIXEL_DATA, "OW", pixels.tobytes()))
        yield instance, stamp.file(dataset)


def _constant(study: Study, series: Series) -> Dataset:
    dataset = header(study, series)
    dataset.SOPClassUID = EnhancedMRImageStorage
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "CARDIAC", "NONE"]
    dataset.ComplexImageComponent = COMPONENTS[series.images[0].component]
    dataset.AcquisitionNumber = 1
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
    dataset.DimensionOrganizationSequence = _one(DimensionOrganizationUID=organization)
    dataset.DimensionIndexSequence = Items(
        [
            _item(DimensionOrganizationUID=organization, DimensionIndexPointer=pointer)
            for pointer in DIMENSIONS
        ]
    )
    return dataset


def _shared(series: Series, alike: frozenset[str]) -> Dataset:
    """Return the groups of the sequence and those in which all frames agree."""
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
    shared.FrameVOILUTSequence = _one(WindowCenter=500, WindowWidth=1000)
    for keyword, elements in _groups(series.images[0]).items():
        if keyword in alike:
            setattr(shared, keyword, _one(**elements))
    return shared


def _frame(image: Image, alike: frozenset[str]) -> Dataset:
    frame = Dataset()
    frame.FrameContentSequence = _one(
        StackID="1",
        InStackPositionNumber=image.slice + 1,
        TemporalPositionIndex=image.phase + 1,
        DimensionIndexValues=[1, image.slice + 1, image.phase + 1],
    )
    for keyword, elements in _groups(image).items():
        if keyword not in alike:
            setattr(frame, keyword, _one(**elements))
    return frame


def _groups(image: Image) -> dict[str, dict[str, object]]:
    """Return the functional groups that may differ between frames, with their elements."""
    groups: dict[str, dict[str, object]] = {
        "PlanePositionSequence": {
            "ImagePositionPatient": [round(value, 6) for value in image.position]
        },
        "PlaneOrientationSequence": {
            "ImageOrientationPatient": [round(value, 6) for value in image.orientation]
        },
        "MRImageFrameTypeSequence": {
            "FrameType": ["ORIGINAL", "PRIMARY", "CARDIAC", "NONE"],
            "ComplexImageComponent": COMPONENTS[image.component],
        },
        "PixelValueTransformationSequence": {
            "RescaleIntercept": image.intercept,
            "RescaleSlope": image.slope,
            "RescaleType": "US",
        },
    }
    if image.trigger_ms is not None:
        groups["CardiacSynchronizationSequence"] = {
            "NominalCardiacTriggerDelayTime": image.trigger_ms,
            "RRIntervalTimeNominal": image.rr_ms,
        }
    return groups


def _shared_groups(series: Series) -> frozenset[str]:
    first = _groups(series.images[0])
    return frozenset(
        keyword
        for keyword, elements in first.items()
        if keyword != "PlanePositionSequence"
        and all(_groups(image)[keyword] == elements for image in series.images)
    )


def _moment(study: Study, image: Image) -> str:
    return study.person.study_date + clock(study, image.acquired_s)


def _one(**elements: object) -> Items:
    return Items([_item(**elements)])


def _item(**elements: object) -> Dataset:
    item = Dataset()
    for keyword, value in elements.items():
        setattr(item, keyword, value)
    return item
