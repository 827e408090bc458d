"""The files of one study: which frames are its short-axis cine, and why the others are not."""

from collections.abc import Callable, Hashable, Iterable
from dataclasses import replace

from fedcmr.dicom.header import ImageHeader
from fedcmr.dicom.refusal import RefusedError
from fedcmr.ingest.grid import MIN_PHASES, MIN_SLICES, assemble
from fedcmr.ingest.group import ECHO_TOLERANCE_MS, acquisitions, parts
from fedcmr.ingest.lge import late_frames
from fedcmr.ingest.study import CineStudy, Exclusion, Frame, exclude_frames


def select_cine(images: Iterable[ImageHeader]) -> tuple[CineStudy | None, list[Exclusion]]:
    """Return the cine of one study, if it has one, and everything else with its reason."""
    cines: list[tuple[CineStudy, list[Frame]]] = []
    excluded: list[Exclusion] = []
    unique, copies = _without_copies(images)
    excluded += copies
    frames = [Frame(image, frame) for image in unique for frame in image.frames]
    for acquisition in acquisitions(frames):
        for stack in _stacks(acquisition):
            try:
                cine, left = assemble(stack)
            except RefusedError as refusal:
                excluded += [exclude_frames("series", refusal.code, p) for p in _series(stack)]
            else:
                cines.append((cine, stack))
                excluded += left
    if not cines:
        return None, excluded
    cines.sort(key=lambda item: _preference(item[0]))
    chosen = cines.pop()[0]
    for other, _ in cines:
        used = [frame for row in other.grid for frame in row]
        excluded.append(exclude_frames("series", _why_not(other, chosen), used))
    return replace(chosen, late=late_frames(unique)), excluded


def _without_copies(images: Iterable[ImageHeader]) -> tuple[list[ImageHeader], list[Exclusion]]:
    """Drop files that hold an object a second time; a repeated UID alone does not prove that."""
    seen: set[Hashable] = set()
    unique: list[ImageHeader] = []
    copies: list[Exclusion] = []
    for image in sorted(images, key=lambda image: image.path):
        key = (image.instance_uid, image.series_uid, image.enhanced, image.order, image.frames)
        if image.instance_uid and key in seen:
            copies.append(
                Exclusion(
                    "file",
                    "duplicate_file",
                    image.patient_id,
                    image.study_uid,
                    (image.path,),
                    len(image.frames),
                )
            )
        else:
            seen.add(key)
            unique.append(image)
    return unique, copies


def _stacks(frames: list[Frame]) -> list[list[Frame]]:
    """Part an acquisition into stacks that could stand alone, so that none is mixed with another.

    A key that leaves fewer than two whole stacks (a frame of reference made new for each file, a
    series for each slice) tells nothing and is ignored.
    """
    keys: tuple[Callable[[Frame], Hashable], ...] = (
        lambda f: f.image.frame_of_reference,
        lambda f: f.image.series_uid,
    )
    for key in keys:
        whole: list[list[Frame]] = []
        rest: list[Frame] = []
        for part in parts(frames, key):
            if _could_be_stack(part):
                whole.append(part)
            else:
                rest += part
        if len(whole) > 1:
            return [stack for part in whole for stack in _stacks(part)] + ([rest] if rest else [])
    return [frames]


def _could_be_stack(frames: list[Frame]) -> bool:
    positions = {frame.frame.position for frame in frames}
    return len(positions) >= MIN_SLICES and len(frames) >= len(positions) * MIN_PHASES


def _series(frames: list[Frame]) -> list[list[Frame]]:
    return parts(frames, lambda f: f.image.series_uid)


def _preference(cine: CineStudy) -> tuple[object, ...]:
    """More slices, then the first echo, then the classic object, then the later acquisition."""
    image, frame = cine.first
    last = max(f.image.order for row in cine.grid for f in row)
    echo = round(-(frame.echo_ms or 0) / ECHO_TOLERANCE_MS)
    return cine.slices, echo, not image.enhanced, last, image.path


def _why_not(other: CineStudy, chosen: CineStudy) -> str:
    if other.first.image.enhanced != chosen.first.image.enhanced:
        return "copy"
    echoes = (other.first.frame.echo_ms or 0) - (chosen.first.frame.echo_ms or 0)
    same_place = other.first.frame.position == chosen.first.frame.position
    if same_place and abs(echoes) >= ECHO_TOLERANCE_MS:
        return "second_echo"
    return "other_cine"
