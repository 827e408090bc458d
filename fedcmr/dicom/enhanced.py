"""Frames of an Enhanced MR object from its functional groups (DICOM PS3.3 C.7.6.16).

A group stands per frame or is shared by all frames; the shared sequence may be missing. Philips
puts a whole scan into one object, Siemens XA one time point into each.
"""

from collections.abc import Iterator
from functools import cache

from fedcmr.dicom import tags
from fedcmr.dicom.elements import Elements
from fedcmr.dicom.frame import (
    Component,
    FrameHeader,
    component_of,
    orientation_of,
    position_of,
    rescale_of,
    rr_interval,
    spacing_of,
)
from fedcmr.dicom.geometry import Orientation

_NOTHING = Elements({})


def enhanced_frames(elements: Elements) -> Iterator[FrameHeader]:
    """Yield the frames in the order of the pixels.

    Raises:
        RefusedError: a frame has no valid position, orientation or spacing.
    """
    shared = _shared(elements)
    heart_rate = elements.number(tags.HEART_RATE)

    # a shared group is the same for every frame, and read once
    @cache
    def orientation(group: Elements) -> Orientation:
        return orientation_of(group.numbers(tags.IMAGE_ORIENTATION_PATIENT))

    @cache
    def spacing(group: Elements) -> tuple[float, float]:
        return spacing_of(group.numbers(tags.PIXEL_SPACING))

    @cache
    def component(group: Elements) -> Component:
        words = (*group.texts(tags.FRAME_TYPE), group.text(tags.COMPLEX_IMAGE_COMPONENT))
        return component_of(words)

    @cache
    def of_all(tag: int) -> Elements:
        return next(iter(shared.items(tag)), _NOTHING)

    rescale = cache(rescale_of)

    for number, own in enumerate(elements.items(tags.PER_FRAME_FUNCTIONAL_GROUPS)):

        def group(tag: int, own: Elements = own) -> Elements:
            items = own.items(tag)
            return items[0] if items else of_all(tag)

        beat = group(tags.CARDIAC_SYNCHRONIZATION)
        time = beat.double(tags.NOMINAL_CARDIAC_TRIGGER_DELAY_TIME)
        slope, intercept = rescale(group(tags.PIXEL_VALUE_TRANSFORMATION))
        yield FrameHeader(
            number=number,
            orientation=orientation(group(tags.PLANE_ORIENTATION)),
            position=position_of(group(tags.PLANE_POSITION).numbers(tags.IMAGE_POSITION_PATIENT)),
            spacing=spacing(group(tags.PIXEL_MEASURES)),
            time_ms=beat.double(tags.ACTUAL_CARDIAC_TRIGGER_DELAY_TIME) if time is None else time,
            rr_ms=rr_interval(beat.double(tags.RR_INTERVAL_TIME_NOMINAL), heart_rate),
            component=component(group(tags.MR_IMAGE_FRAME_TYPE)),
            echo_ms=group(tags.MR_ECHO).double(tags.EFFECTIVE_ECHO_TIME),
            slope=slope,
            intercept=intercept,
        )


def enhanced_inversion(elements: Elements) -> bool:
    """Tell whether the object was acquired after an inversion pulse."""
    for owner in (_shared(elements), *elements.items(tags.PER_FRAME_FUNCTIONAL_GROUPS)[:1]):
        for modifier in owner.items(tags.MR_MODIFIER):
            if modifier.text(tags.INVERSION_RECOVERY) == "YES":
                return True
    return False


def _shared(elements: Elements) -> Elements:
    return next(iter(elements.items(tags.SHARED_FUNCTIONAL_GROUPS)), _NOTHING)
