"""Late enhancement of a study: which stacks it has, and which lie where its cine lies.

Its pixels are not used. A mask was drawn on them, and lies where they lie.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from fedcmr.dicom.frame import Component
from fedcmr.dicom.geometry import (
    POSITION_TOLERANCE_MM,
    column_direction,
    dot,
    is_short_axis,
    normal,
    row_direction,
    towards_apex,
)
from fedcmr.dicom.header import ImageHeader
from fedcmr.dicom.pixel_grid import PixelGrid
from fedcmr.dicom.refusal import RefusedError
from fedcmr.ingest.group import acquisitions
from fedcmr.ingest.study import CineStudy, Frame

LEAST_COSINE = 0.9
"""Between the normals of late enhancement and cine (Zhang et al., Circulation 2021)."""
WITHIN_MM = 4.0
"""Of two slices, along the normal of the cine: they show the same wall (the same source)."""


@dataclass(frozen=True)
class LateStack:
    """One late-enhancement stack; headers only."""

    component: Component
    series: frozenset[str]
    frame_of_reference: str
    order: tuple[float, ...]
    """Of acquisition: later is larger."""
    grids: tuple[PixelGrid, ...]
    """From base to apex."""


def late_frames(images: Iterable[ImageHeader]) -> tuple[Frame, ...]:
    """Return the short-axis frames after an inversion pulse that have a contrast to draw on."""
    return tuple(
        Frame(image, frame)
        for image in images
        if image.inversion
        for frame in image.frames
        if frame.component != "phase" and is_short_axis(frame.orientation)
    )


def late_stacks(cine: CineStudy) -> list[LateStack]:
    """Return the stacks that lie where the cine lies, the preferred one first.

    The phase-sensitive image before the magnitude, since its null does not depend on the inversion
    time; then the one with more slices; then the later one.

    Raises:
        RefusedError: there is none, with the reason of the one that came nearest.
    """
    found = [_stack(frames) for frames in acquisitions(cine.late)]
    if not found:
        raise RefusedError("no_lge")
    reference = cine.first.image.frame_of_reference
    found = [stack for stack in found if stack.frame_of_reference == reference != ""]
    if not found:
        raise RefusedError("lge_other_frame")
    axis = normal(cine.first.frame.orientation)
    found = [stack for stack in found if _cosine(stack.grids[0], axis) > LEAST_COSINE]
    if not found:
        raise RefusedError("lge_other_plane")
    centres = [dot(row[0].frame.position, axis) for row in cine.grid]
    found = [
        stack
        for stack in found
        if any(
            abs(dot(g.centre().tolist(), axis) - c) < WITHIN_MM
            for g in stack.grids
            for c in centres
        )
    ]
    if not found:
        raise RefusedError("lge_too_far")
    return sorted(
        found,
        key=lambda stack: (stack.component == "real", len(stack.grids), stack.order),
        reverse=True,
    )


def grid_of(frame: Frame) -> PixelGrid:
    """Return where the pixels of a frame lie."""
    layout, header = frame.image.layout, frame.frame
    return PixelGrid(
        header.position,
        row_direction(header.orientation),
        column_direction(header.orientation),
        header.spacing,
        (layout.rows, layout.columns),
    )


def _stack(frames: list[Frame]) -> LateStack:
    """Take the last of the frames of each position."""
    axis = towards_apex(frames[0].frame.orientation)
    placed: dict[int, Frame] = {}
    for frame in frames:
        placed[round(dot(frame.frame.position, axis) / POSITION_TOLERANCE_MM)] = frame
    return LateStack(
        component=frames[0].frame.component,
        series=frozenset(frame.image.series_uid for frame in frames),
        frame_of_reference=frames[0].image.frame_of_reference,
        order=max(frame.image.order for frame in frames),
        grids=tuple(grid_of(frame) for _, frame in sorted(placed.items())),
    )


def _cosine(grid: PixelGrid, axis: tuple[float, float, float]) -> float:
    return abs(dot(normal((*grid.row, *grid.column)), axis))
