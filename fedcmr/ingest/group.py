"""Frames of one study into acquisitions: same plane, matrix, spacing, contrast and echo.

SeriesInstanceUID is not trusted: de-identification collapses it over scouts and cine, and some
scanners give every slice its own. It only parts whole stacks from each other, and so does the
frame of reference, which some exports make new for every file.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import NamedTuple

from fedcmr.dicom.frame import Component
from fedcmr.dicom.geometry import SPACING_TOLERANCE_MM, Orientation, same_orientation
from fedcmr.ingest.study import Frame

ECHO_TOLERANCE_MS = 0.3
"""Echoes of one excitation lie at least 1 ms apart; an echo time jitters by rounding only."""


class _Kind(NamedTuple):
    exact: tuple[bool, bool, int, int, Component]
    """Enhanced, after inversion, rows, columns, component."""
    orientation: Orientation
    spacing: tuple[float, float]
    echo_ms: float | None


def acquisitions(frames: Iterable[Frame]) -> list[list[Frame]]:
    """Part the frames of one study, each part in the order of acquisition."""
    by_kind: dict[_Kind, list[Frame]] = defaultdict(list)
    for image, frame in frames:
        layout = image.layout
        exact = (image.enhanced, image.inversion, layout.rows, layout.columns, frame.component)
        kind = _Kind(exact, frame.orientation, frame.spacing, frame.echo_ms)
        by_kind[kind].append(Frame(image, frame))
    merged: list[tuple[_Kind, list[Frame]]] = []
    for kind, members in sorted(by_kind.items(), key=lambda item: _path_order(item[1])):
        home = next((group for other, group in merged if _alike(kind, other)), None)
        if home is None:
            merged.append((kind, members))
        else:
            home.extend(members)
    return [sorted(group, key=frame_order) for _, group in merged]


def frame_order(frame: Frame) -> tuple[tuple[float, ...], str, int]:
    """Sort key: as acquired, later last; the path decides between equals."""
    return frame.image.order, frame.image.path, frame.frame.number


def parts(frames: Iterable[Frame], key: Callable[[Frame], Hashable]) -> list[list[Frame]]:
    """Part frames by a key; the part that was acquired last comes last."""
    found: dict[Hashable, list[Frame]] = defaultdict(list)
    for frame in frames:
        found[key(frame)].append(frame)
    return sorted(found.values(), key=lambda part: max(map(frame_order, part)))


def _path_order(frames: Sequence[Frame]) -> tuple[str, int]:
    return min((frame.image.path, frame.frame.number) for frame in frames)


def _alike(a: _Kind, b: _Kind) -> bool:
    if a.exact != b.exact or (a.echo_ms is None) != (b.echo_ms is None):
        return False
    return (
        same_orientation(a.orientation, b.orientation)
        and all(
            abs(p - q) < SPACING_TOLERANCE_MM for p, q in zip(a.spacing, b.spacing, strict=True)
        )
        and abs((a.echo_ms or 0) - (b.echo_ms or 0)) < ECHO_TOLERANCE_MS
    )
