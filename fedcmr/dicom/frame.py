"""One frame of an MR object: its plane, its time in the heart beat, and its pixel scale."""

from collections.abc import Iterable
from typing import Literal, NamedTuple, TypeAlias

from fedcmr.dicom import tags
from fedcmr.dicom.elements import Elements
from fedcmr.dicom.geometry import Orientation, Vector, is_valid
from fedcmr.dicom.refusal import RefusedError

Component: TypeAlias = Literal["magnitude", "phase", "real"]

MS_PER_MINUTE = 60_000.0
LARGEST_RESCALE = 1e9
"""Of slope and intercept: squares of such pixels are still finite in float32."""

_MAGNITUDE = {"M", "MAGNITUDE"}
_PHASE = {"P", "PHASE", "PHASE MAP", "PHASE_MAP", "VELOCITY", "VELOCITY MAP"}
_REAL = {"R", "REAL", "I", "IMAGINARY", "CR", "PSIR"}


class FrameHeader(NamedTuple):
    """What a frame says of itself."""

    number: int
    """Within its file, from 0."""
    orientation: Orientation
    position: Vector
    """Centre of the first pixel, LPS millimetres."""
    spacing: tuple[float, float]
    """Between rows, between columns, in millimetres."""
    time_ms: float | None
    """After the R wave."""
    rr_ms: float | None
    """RR interval of the beat that the frame stands for."""
    component: Component
    echo_ms: float | None
    slope: float
    intercept: float


def component_of(image_type: Iterable[str]) -> Component:
    """Tell magnitude from phase and real images by ImageType, FrameType or image component."""
    words = {word.upper() for word in image_type}
    if words & _MAGNITUDE:
        return "magnitude"
    if words & _REAL:
        return "real"
    return "phase" if words & _PHASE else "magnitude"


def rr_interval(nominal_ms: float | None, heart_rate: float | None) -> float | None:
    """Return the RR interval in ms from the interval, else from beats a minute."""
    if nominal_ms is not None and nominal_ms > 0:
        return nominal_ms
    return MS_PER_MINUTE / heart_rate if heart_rate is not None and heart_rate > 0 else None


def orientation_of(numbers: tuple[float, ...]) -> Orientation:
    """Return ImageOrientationPatient.

    Raises:
        RefusedError: it is missing or not two orthogonal unit vectors.
    """
    if len(numbers) == 6:
        a, b, c, d, e, f = numbers
        if is_valid((a, b, c, d, e, f)):
            return a, b, c, d, e, f
    raise RefusedError("no_geometry")


def position_of(numbers: tuple[float, ...]) -> Vector:
    """Return ImagePositionPatient.

    Raises:
        RefusedError: it is missing or not three numbers.
    """
    if len(numbers) != 3:
        raise RefusedError("no_geometry")
    return numbers[0], numbers[1], numbers[2]


def spacing_of(numbers: tuple[float, ...]) -> tuple[float, float]:
    """Return PixelSpacing.

    Raises:
        RefusedError: it is missing or not two positive numbers.
    """
    if len(numbers) != 2 or min(numbers) <= 0:
        raise RefusedError("no_geometry")
    return numbers[0], numbers[1]


def rescale_of(elements: Elements) -> tuple[float, float]:
    """Return slope and intercept; 1 and 0 where none is given, as most MR images have it.

    Raises:
        RefusedError: no float32 image could be made of pixels with them.
    """
    slope, intercept = elements.number(tags.RESCALE_SLOPE), elements.number(tags.RESCALE_INTERCEPT)
    if max(abs(slope or 0.0), abs(intercept or 0.0)) > LARGEST_RESCALE:
        raise RefusedError("rescale_too_large")
    return (1.0 if slope is None else slope), (0.0 if intercept is None else intercept)
