"""One acquisition into a grid of slices and phases, by position and by rank of time.

Never by file order, by equal times, or by SliceLocation: docs/ingest.md says why.
"""

from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from statistics import median

from fedcmr.dicom.geometry import POSITION_TOLERANCE_MM, dot, is_short_axis, towards_apex
from fedcmr.dicom.refusal import RefusedError
from fedcmr.ingest.group import parts
from fedcmr.ingest.study import CineStudy, Exclusion, Frame, exclude_frames

MIN_SLICES = 5
"""A ventricle of 8 cm at 8 to 10 mm; fewer is a mapping, tagging or flow acquisition."""
MIN_PHASES = 10
"""Fewer do not resolve systole."""
TIME_TOLERANCE_MS = 0.5
"""Phases lie at least 10 ms apart; nearer ones are the same phase twice."""
CYCLE_MS = (300.0, 2500.0)
"""Heart rates of 200 to 24 a minute."""
CYCLE_OF_RR = (0.5, 1.3)
"""What the phases may cover of the RR interval: prospective gating less, changing rates more."""
UNEVEN = 1.5
"""Times the median slice distance, or its share: a missing slice, or two stacks in one."""


def assemble(frames: list[Frame]) -> tuple[CineStudy, list[Exclusion]]:
    """Return the cine and what of the acquisition is left over.

    Raises:
        RefusedError: the acquisition is not a short-axis cine, or has no unambiguous grid.
    """
    slices = _by_position(frames)
    _check_is_cine(frames, slices)
    runs = [_runs(row) for row in slices]
    phases = _mode(max(map(len, row)) for row in runs)
    if phases < MIN_PHASES:
        raise RefusedError("few_phases")
    grid, left = [], []
    for row in runs:
        kept = next((run for run in reversed(row) if len(run) == phases), None)
        if kept is not None:
            grid.append(kept)
        superseded = [run for run in row if run is not kept]
        code = "incomplete_slice" if kept is None else "superseded_acquisition"
        left += [exclude_frames("slice", code, run) for run in superseded]
    if len(grid) * 2 <= len(runs):
        raise RefusedError("uneven_phases")
    for run in grid:
        _check_times(run)
    if not is_short_axis(frames[0].frame.orientation):
        raise RefusedError("not_short_axis")
    if len(grid) < MIN_SLICES:
        raise RefusedError("few_slices")
    codes = {exclusion.code for exclusion in left}
    flags = [
        flag
        for flag, found in (
            ("reacquired_slice", "superseded_acquisition" in codes),
            ("dropped_slice", "incomplete_slice" in codes),
            ("uneven_positions", _is_uneven(grid)),
        )
        if found
    ]
    return CineStudy(tuple(map(tuple, grid)), tuple(sorted(flags))), left


def _by_position(frames: list[Frame]) -> list[list[Frame]]:
    """Return the frames of each slice, from base to apex."""
    axis = towards_apex(frames[0].frame.orientation)
    placed = sorted(((dot(f.frame.position, axis), f) for f in frames), key=lambda pair: pair[0])
    slices = [[placed[0][1]]]
    for (before, _), (here, frame) in pairwise(placed):
        if here - before > POSITION_TOLERANCE_MM:
            slices.append([])
        slices[-1].append(frame)
    return slices


def _check_is_cine(frames: list[Frame], slices: list[list[Frame]]) -> None:
    most = max(map(len, slices))
    image, frame = frames[0]
    late = image.inversion and is_short_axis(frame.orientation)
    if late and (most < MIN_PHASES or frame.component != "magnitude"):
        raise RefusedError("lge")
    if frame.component != "magnitude":
        raise RefusedError("phase_image")
    if any(each.frame.time_ms is None for each in frames):
        raise RefusedError("no_trigger_time")
    if most == 1:
        raise RefusedError("single_phase")


def _runs(row: list[Frame]) -> list[list[Frame]]:
    """Part one slice into acquisitions of a whole beat, sorted by time; the last is the latest.

    Raises:
        RefusedError: frames repeat a time and nothing allowed tells them apart.
    """
    span = _span(row)
    for key in (
        lambda f: f.image.series_uid,
        lambda f: f.image.order[:2],
        lambda f: f.image.order[:3],
    ):
        found = [sorted(part, key=_time) for part in parts(row, key)]
        whole = [run for run in found if len(run) >= MIN_PHASES and 2 * _span(run) > span]
        if whole and len(found) > 1:
            break
    else:
        found = [sorted(row, key=_time)]
    if any(_time(b) - _time(a) < TIME_TOLERANCE_MS for run in found for a, b in pairwise(run)):
        raise RefusedError("duplicate_frames")
    return found


def _check_times(run: list[Frame]) -> None:
    steps = [_time(b) - _time(a) for a, b in pairwise(run)]
    cycle = _span(run) + median(steps)
    rr = next((frame.frame.rr_ms for frame in run if frame.frame.rr_ms is not None), cycle)
    in_range = CYCLE_MS[0] <= cycle <= CYCLE_MS[1]
    if not in_range or not CYCLE_OF_RR[0] <= cycle / rr <= CYCLE_OF_RR[1]:
        raise RefusedError("not_cardiac_timing")


def _is_uneven(grid: list[list[Frame]]) -> bool:
    axis = towards_apex(grid[0][0].frame.orientation)
    steps = [
        dot(b[0].frame.position, axis) - dot(a[0].frame.position, axis) for a, b in pairwise(grid)
    ]
    return max(steps) > UNEVEN * median(steps) or min(steps) * UNEVEN < median(steps)


def _time(frame: Frame) -> float:
    return frame.frame.time_ms or 0.0


def _span(frames: Iterable[Frame]) -> float:
    times = [_time(frame) for frame in frames]
    return max(times) - min(times)


def _mode(counts: Iterable[int]) -> int:
    """Return the commonest count, the larger of two equally common."""
    return max(Counter(counts).items(), key=lambda item: (item[1], item[0]))[0]
