"""Contact sheets of a data set, for the eyes of the site only.

One PNG per study: the whole image with the crop drawn, then slices (rows, base first) by phases
(columns); and an HTML page that lists them. Only pseudonyms and words of closed lists are printed.
"""

import io
from pathlib import Path

import numpy as np
from jinja2 import Environment
from matplotlib.image import imsave
from numpy.typing import NDArray

from fedcmr.data.record import StudyRecord
from fedcmr.data.store import Dataset
from fedcmr.durable import write_atomically
from fedcmr.errors import DataError
from fedcmr.ingest.progress import Progress, counted, silent
from fedcmr.ingest.quality import FLAGS
from fedcmr.ingest.study_files import read_overview, read_study
from fedcmr.types import MaskLabel, StoredCine, StoredMask

COLUMNS = 10
"""Phases shown, evenly spaced over the beat."""
CELL = 96
"""Longest side of a cell, pixels."""
CROP_COLOUR = (230, 159, 0)
MASK_COLOURS = {
    MaskLabel.MYOCARDIUM: (0, 114, 178),
    MaskLabel.INFARCT: (240, 228, 66),
    MaskLabel.MVO: (213, 94, 0),
}
MASK_SHARE = 0.5
"""Of its colour in a pixel of the mask."""
INDEX_PAGE = "index.html"

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Preview</title>
<style>body{font:16px system-ui,sans-serif;margin:2rem;max-width:75rem}img{max-width:100%}
dt{font-weight:600}</style></head><body>
<h1>{{ records|length }} studies{{ " of phantoms" if phantom }}</h1>
<p>For this site only: these are patients' images. Left of each sheet is a whole image with the
crop drawn; right of it the slices from base to apex, over one heart beat. Masks of late
enhancement are drawn on the first frame: wall blue, infarct yellow, MVO orange.</p>
{% for record in records %}
<h2 id="{{ record.study }}">{{ record.study }}</h2>
<p>{{ record.vendor }} {{ record.field_strength }} {{ record.model }}, {{ record.slices }} slices
of {{ record.phases }} phases, {{ record.spacing_mm }} mm, {{ record.slice_distance_mm }} mm apart,
RR {{ record.rr_ms }} ms; {{ record.split }}; scar
{{ "not labelled" if record.scar is none else record.scar }}{% if record.mvo_slices %}; MVO in
{{ record.mvo_slices.count(1) }} slices, none in {{ record.mvo_slices.count(0) }}{% endif %}.</p>
{% if record.flags %}<dl>{% for flag in record.flags %}
<dt>{{ flag }}</dt><dd>{{ meanings[flag] }}</dd>{% endfor %}</dl>{% endif %}
<img src="{{ record.study }}.png" loading="lazy" alt="Contact sheet of study {{ record.study }}">
{% endfor %}
</body></html>
"""


def write_preview(dataset: Dataset, out: Path, progress: Progress = silent) -> Path:
    """Write the sheets and the page, and return the path of the page.

    Raises:
        DataError: a file of the data set is missing or damaged, or `out` cannot be written.
    """
    for record in counted(dataset.records, "drawing", len(dataset.records), progress):
        buffer = io.BytesIO()
        imsave(buffer, contact_sheet(dataset, record), format="png")
        write_atomically(out / f"{record.study}.png", buffer.getbuffer())
    page = Environment(autoescape=True).from_string(PAGE)
    text = page.render(records=dataset.records, phantom=dataset.manifest.phantom, meanings=FLAGS)
    write_atomically(out / INDEX_PAGE, text.encode())
    return out / INDEX_PAGE


def contact_sheet(dataset: Dataset, record: StudyRecord) -> NDArray[np.uint8]:
    """Return the sheet of one study: (Y, X, 3).

    Raises:
        DataError: a file of the study is missing or damaged.
    """
    stored = read_study(dataset.path, record.study)
    if stored is None:
        raise DataError(
            "a study has no record of its preparation",
            where=str(dataset.path),
            fix="run ingest again",
        )
    mask = dataset.load_mask(record) if record.study in dataset.mask_sha256 else None
    cells = _cells(dataset.load(record), mask)
    overview = _with_box(
        read_overview(dataset.path, record.study),
        stored.preparation.overview_box,
        scale=max(1, min(cells.shape[0] // 128, 4)),
    )
    sheet = np.zeros(
        (max(len(cells), len(overview)), overview.shape[1] + cells.shape[1], 3), np.uint8
    )
    sheet[: len(overview), : overview.shape[1]] = overview
    sheet[: len(cells), overview.shape[1] :] = cells
    return sheet


def _cells(cine: StoredCine, mask: StoredMask | None) -> NDArray[np.uint8]:
    """Return slices by phases as one image, (Y, X, 3), with the mask on the first phase.

    The R wave is the phase nearest to late enhancement, which is acquired in diastole.
    """
    phases = np.linspace(0, cine.shape[1], min(COLUMNS, cine.shape[1]), endpoint=False).astype(int)
    step = -(-cine.shape[2] // CELL)
    grid = (cine[:, phases, ::step, ::step] >> 8).astype(np.uint8)
    slices, columns, height, width = grid.shape
    image = np.repeat(grid[..., None], 3, axis=-1)
    if mask is not None:
        for label, colour in MASK_COLOURS.items():
            inside = mask[:, ::step, ::step] == label
            shown = (1 - MASK_SHARE) * image[:, 0][inside] + MASK_SHARE * np.array(colour)
            image[:, 0][inside] = shown.astype(np.uint8)
    return image.transpose(0, 2, 1, 3, 4).reshape(slices * height, columns * width, 3)


def _with_box(
    overview: NDArray[np.uint8], box: tuple[float, float, float, float], scale: int
) -> NDArray[np.uint8]:
    """Return the enlarged overview with the crop drawn: (Y, X, 3)."""
    image = np.repeat(overview.repeat(scale, 0).repeat(scale, 1)[:, :, None], 3, axis=2)
    top, left, bottom, right = (round(side * scale) for side in box)
    rows, columns = slice(max(top, 0), max(bottom, 0)), slice(max(left, 0), max(right, 0))
    for y in (top, bottom - 1):
        if 0 <= y < image.shape[0]:
            image[y, columns] = CROP_COLOUR
    for x in (left, right - 1):
        if 0 <= x < image.shape[1]:
            image[rows, x] = CROP_COLOUR
    return image
