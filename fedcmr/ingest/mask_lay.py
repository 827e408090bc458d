"""A mask of late enhancement onto the crop of the cine, without inventing or losing a label."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fedcmr.config import Preprocessing
from fedcmr.dicom.geometry import normal
from fedcmr.dicom.pixel_grid import PixelGrid
from fedcmr.dicom.refusal import RefusedError
from fedcmr.ingest.lge import WITHIN_MM, grid_of, late_stacks
from fedcmr.ingest.mask_read import MaskSlice, read_mask
from fedcmr.ingest.prepare import Preparation
from fedcmr.ingest.study import CineStudy, Frame, MaskFile, standard_view
from fedcmr.types import MaskLabel, StoredMask


@dataclass(frozen=True)
class LaidMask:
    """The mask of one study on the grid of its stored cine."""

    array: StoredMask
    """(Z, Y, X)."""
    slices: tuple[int | None, ...]
    """Whether the whole mask of each slice holds MVO; None without one."""
    component: str
    """Of the late enhancement that it was drawn on."""
    flags: frozenset[str]


def lay_mask(
    study: CineStudy, file: MaskFile, preparation: Preparation, preprocessing: Preprocessing
) -> LaidMask:
    """Read a mask and bring it to the slices and the crop of the cine.

    Each slice of the cine takes the mask slice that is nearest along the normal, measured from the
    middle of its crop, if that is within WITHIN_MM: planes may be tilted, and the heart need not be
    in the middle of the late enhancement.

    Raises:
        RefusedError: no late enhancement fits the cine, or the mask is damaged or not on its grid.
    """
    stacks = late_stacks(study)
    drawn = read_mask(file)
    stack = next((s for s in stacks if all(_is_on(each, s.grids) for each in drawn)), None)
    if stack is None:
        raise RefusedError("mask_grid")
    axis = np.array(normal(study.first.frame.orientation))
    crops = crop_grids(study, preparation, preprocessing)
    array = np.zeros((len(crops), *crops[0].shape), np.uint8)
    slices: list[int | None] = []
    flags: set[str] = set()
    used: set[int] = set()
    for z, crop in enumerate(crops):
        away = np.array([each.grid.distance(crop.centre(), axis) for each in drawn])
        nearest = int(np.argmin(away))
        if away[nearest] >= WITHIN_MM:
            slices.append(None)
            flags.add("mask_gap")
            continue
        used.add(nearest)
        # from the whole mask: the crop may not hold the only pixel that makes the case
        slices.append(int((drawn[nearest].labels == MaskLabel.MVO).any()))
        array[z], noticed = onto(crop, drawn[nearest])
        flags |= noticed
    if not used:
        raise RefusedError("lge_too_far")
    if len(used) < len(drawn):
        flags.add("mask_left_over")
    return LaidMask(array, tuple(slices), stack.component, frozenset(flags))


def onto(crop: PixelGrid, mask: MaskSlice) -> tuple[NDArray[np.uint8], set[str]]:
    """Give each pixel of the crop the nearest label, (Y, X), and say what was noticed.

    Nearest labels invent none, but may lose one that is smaller than a pixel of the crop. MVO that
    lies in the crop is never lost: it is kept as the one pixel nearest to its middle. Infarct and
    myocardium serve no target; where all of one is lost, a flag says so.
    """
    rows, columns = np.moveaxis(mask.grid.nearest(crop.points()), -1, 0)
    high, wide = mask.labels.shape
    inside = (rows >= 0) & (rows < high) & (columns >= 0) & (columns < wide)
    labels = np.where(
        inside, mask.labels[rows.clip(0, high - 1), columns.clip(0, wide - 1)], 0
    ).astype(np.uint8)
    lesion = mask.grid.points()[mask.labels == MaskLabel.MVO]
    places = crop.nearest(lesion)
    within = ((places >= 0) & (places < np.array(crop.shape))).all(axis=1)
    flags = set() if within.all() else {"mvo_off_crop"}
    if within.any() and not (labels == MaskLabel.MVO).any():
        middle = np.median(crop.indices(lesion[within]), axis=0)
        y, x = np.rint(middle).astype(np.int64).clip(0, np.array(crop.shape) - 1)
        labels[y, x] = MaskLabel.MVO
        flags.add("mvo_one_pixel")
    others = {MaskLabel.INFARCT, MaskLabel.MYOCARDIUM} & {*np.unique(mask.labels).tolist()}
    if not others <= {*np.unique(labels).tolist()}:
        flags.add("mask_label_lost")
    return labels, flags


def crop_grids(
    study: CineStudy, preparation: Preparation, preprocessing: Preprocessing
) -> list[PixelGrid]:
    """Return where the stored pixels of each slice lie, base first; none was left out or padded."""
    first = np.array(study.first.frame.position)
    return [_crop_grid(row[0], first, preparation, preprocessing) for row in study.grid]


def _crop_grid(
    frame: Frame,
    first: NDArray[np.float64],
    preparation: Preparation,
    preprocessing: Preprocessing,
) -> PixelGrid:
    view = standard_view(frame.frame.orientation)
    raw = grid_of(frame)
    swap = -1 if view.transpose else 1
    (high, wide), (tall, broad) = raw.shape[::swap], raw.spacing[::swap]
    column, row = np.array(view.column), np.array(view.row)
    origin = np.array(raw.origin)
    shift = np.round((origin - first) @ np.array([column, row]).T, 2)
    corner = origin - view.flip_y * (high - 1) * tall * column
    corner = corner - view.flip_x * (wide - 1) * broad * row
    half = (preprocessing.stored_side - 1) / 2 * preprocessing.spacing_mm
    down, right = np.array(preparation.centre_mm) - shift - half
    x, y, z = (corner + down * column + right * row).tolist()
    step = preprocessing.spacing_mm
    side = preprocessing.stored_side
    return PixelGrid((x, y, z), view.row, view.column, (step, step), (side, side))


def _is_on(mask: MaskSlice, grids: tuple[PixelGrid, ...]) -> bool:
    return any(grid.covers(mask.grid) for grid in grids)
