"""A short-axis cine found in an export: which frame of which file stands where in the grid."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

import numpy as np

from fedcmr.dicom.frame import FrameHeader
from fedcmr.dicom.geometry import (
    STANDARD_COLUMN,
    STANDARD_ROW,
    Orientation,
    Vector,
    column_direction,
    dot,
    row_direction,
    towards_apex,
)
from fedcmr.dicom.header import ImageHeader
from fedcmr.dicom.pixels import read_frames
from fedcmr.dicom.quiet import quiet
from fedcmr.dicom.refusal import REASONS, RefusedError
from fedcmr.types import DoubleArray, FloatArray, RawCine

StudyKey: TypeAlias = tuple[str, str]
"""PatientID and StudyInstanceUID, in memory only."""
Scope: TypeAlias = Literal["file", "series", "slice", "study", "label", "mask"]


class Frame(NamedTuple):
    """One frame and the object that it belongs to."""

    image: ImageHeader
    frame: FrameHeader


@dataclass(frozen=True)
class Exclusion:
    """Something of an export that is not used, and why."""

    scope: Scope
    code: str
    """A key of `fedcmr.dicom.refusal.REASONS`."""
    patient_id: str = field(default="", repr=False)
    study_uid: str = field(default="", repr=False)
    """The hospital's own identifiers: never to be written or printed."""
    paths: tuple[str, ...] = field(default=(), repr=False)
    """Relative to the export; the names may be a patient's: never to be written or printed."""
    frames: int = 0

    @property
    def reason(self) -> str:
        """Return the sentence for the code."""
        return REASONS[self.code]


def exclude_frames(scope: Scope, code: str, frames: Iterable[Frame]) -> Exclusion:
    """Return one exclusion for frames of one study."""
    frames = tuple(frames)
    image = frames[0].image
    paths = tuple(sorted({frame.image.path for frame in frames}))
    return Exclusion(scope, code, image.patient_id, image.study_uid, paths, len(frames))


@dataclass(frozen=True)
class RawCineVolume:
    """A short-axis cine as scanned, slices from base to apex, turned to the standard view."""

    array: RawCine
    """(Z, T, Y, X)."""
    times_ms: DoubleArray
    """(Z, T), rising, after the R wave."""
    rr_ms: DoubleArray
    """(Z,); NaN where the header gives none."""
    spacing_mm: tuple[float, float]
    """Between rows, between columns."""
    shifts_mm: FloatArray
    """(Z, 2): how far the origin of each slice lies down and right of that of the first."""
    slice_distance_mm: float
    flags: tuple[str, ...] = ()


class View(NamedTuple):
    """How an image must be turned to be seen as usual: transposed first, then flipped."""

    transpose: bool
    flip_y: bool
    flip_x: bool
    row: Vector
    column: Vector


def standard_view(orientation: Orientation) -> View:
    """Return the quarter turns and flips after which an image lies nearest to the usual view."""
    row, column = row_direction(orientation), column_direction(orientation)
    views = [
        View(transpose, flip_y, flip_x, _turned(a, flip_x), _turned(b, flip_y))
        for transpose, a, b in ((False, row, column), (True, column, row))
        for flip_y in (False, True)
        for flip_x in (False, True)
    ]
    return max(views, key=lambda v: dot(v.row, STANDARD_ROW) + dot(v.column, STANDARD_COLUMN))


def _turned(direction: Vector, flip: bool) -> Vector:
    x, y, z = direction
    return (-x, -y, -z) if flip else direction


class MaskFile(NamedTuple):
    """A mask of late enhancement; its path may name a patient."""

    root: Path
    path: str
    """Relative to the root."""


@dataclass(frozen=True)
class CineStudy:
    """The short-axis cine of one study; headers only."""

    grid: tuple[tuple[Frame, ...], ...] = field(repr=False)
    """Z slices from base to apex, each of T frames in the order of time."""
    flags: tuple[str, ...]
    """What was noticed when the grid was assembled."""
    late: tuple[Frame, ...] = field(default=(), repr=False)
    """Late enhancement of the study."""
    mask: MaskFile | None = field(default=None, repr=False)
    """Drawn on that."""

    @property
    def first(self) -> Frame:
        """Return the first frame of the most basal slice."""
        return self.grid[0][0]

    @property
    def key(self) -> StudyKey:
        """Return what tells the study from all others of its export."""
        return self.patient_id, self.study_uid

    @property
    def patient_id(self) -> str:
        """Return the hospital's own identifier: never to be written or printed."""
        return self.first.image.patient_id

    @property
    def study_uid(self) -> str:
        """Return the hospital's own identifier: never to be written or printed."""
        return self.first.image.study_uid

    @property
    def slices(self) -> int:
        """Return the number of slices as acquired."""
        return len(self.grid)

    @property
    def phases(self) -> int:
        """Return the number of phases as acquired."""
        return len(self.grid[0])

    @property
    def spacing_mm(self) -> float:
        """Return the mean of row and column spacing."""
        return sum(self.first.frame.spacing) / 2

    @property
    def slice_distance_mm(self) -> float:
        """Return the median distance of neighbouring slices along the normal."""
        axis = towards_apex(self.first.frame.orientation)
        positions = [dot(row[0].frame.position, axis) for row in self.grid]
        return float(np.median(np.diff(positions)))

    @property
    def times_ms(self) -> DoubleArray:
        """Return the times after the R wave: (Z, T)."""
        return np.array([[frame.frame.time_ms for frame in row] for row in self.grid], np.float64)

    @property
    def rr_ms(self) -> DoubleArray:
        """Return the RR interval of each slice, NaN where the header gives none: (Z,)."""
        given = [[f.frame.rr_ms for f in row if f.frame.rr_ms is not None] for row in self.grid]
        return np.array([np.median(values) if values else np.nan for values in given])


def read_cine(root: Path, study: CineStudy) -> RawCineVolume:
    """Read the pixels of a study from the export `root`.

    Raises:
        RefusedError: a file changed since the header pass, or its pixels cannot be decoded.
    """
    first = study.first
    layout = first.image.layout
    array = np.empty((study.slices, study.phases, layout.rows, layout.columns), np.float32)
    by_file: dict[str, list[tuple[Frame, FloatArray]]] = defaultdict(list)
    for z, row in enumerate(study.grid):
        for t, frame in enumerate(row):
            by_file[frame.image.path].append((frame, array[z, t]))
    with quiet():
        for wanted in by_file.values():
            image = wanted[0][0].image
            try:
                read_frames(root, image, [f.frame for f, _ in wanted], [out for _, out in wanted])
            except OSError:
                raise RefusedError("unreadable") from None
    view = standard_view(first.frame.orientation)
    spacing = first.frame.spacing
    if view.transpose:
        array, spacing = array.swapaxes(2, 3), (spacing[1], spacing[0])
    array = array[:, :, :: -1 if view.flip_y else 1, :: -1 if view.flip_x else 1]
    origin = np.array([row[0].frame.position for row in study.grid])
    directions = np.array([view.column, view.row])
    shifts = ((origin - origin[0])[:, None, :] * directions[None]).sum(axis=2)
    return RawCineVolume(
        array=array,
        times_ms=study.times_ms,
        rr_ms=study.rr_ms,
        spacing_mm=spacing,
        shifts_mm=shifts.astype(np.float32),
        slice_distance_mm=study.slice_distance_mm,
        flags=study.flags,
    )
