"""What is counted of every study's acquisition, on edges that are the same at every site."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fedcmr.data.record import StudyRecord
from fedcmr.types import DoubleArray, StoredCine


@dataclass(frozen=True)
class Measure:
    """One number of a study, counted between fixed edges."""

    name: str
    title: str
    unit: str
    edges: tuple[float, ...]
    """Inner edges: bin k holds edges[k - 1] <= value < edges[k]; both end bins are open."""
    value: Callable[[StudyRecord], float]
    whole: bool = False
    """Values are whole numbers and bins one wide: a bin stands for its lower edge."""

    @property
    def borders(self) -> tuple[float, ...]:
        """Borders of the bins, (bins + 1,); the open ends are drawn as wide as their neighbours."""
        first, last = self.edges[1] - self.edges[0], self.edges[-1] - self.edges[-2]
        return (self.edges[0] - first, *self.edges, self.edges[-1] + last)

    def quantile(self, counts: Sequence[int], part: float) -> float:
        """Return what the bin stands for in which a quantile lies; there must be a study."""
        index = int(np.searchsorted(np.cumsum(counts), part * sum(counts)))
        low, high = self.borders[index : index + 2]
        return low if self.whole else round((low + high) / 2, 6)

    def histogram(self, records: tuple[StudyRecord, ...]) -> tuple[int, ...]:
        """Return studies per bin, (len(edges) + 1,)."""
        values = np.array([self.value(record) for record in records], dtype=np.float64)
        bins = np.searchsorted(self.edges, values, side="right")
        return tuple(np.bincount(bins, minlength=len(self.edges) + 1).tolist())


def _steps(first: float, last: float, step: float) -> tuple[float, ...]:
    count = round((last - first) / step) + 1
    return tuple(round(first + index * step, 6) for index in range(count))


MEASURES = (
    Measure(
        "spacing_mm", "In-plane spacing", "mm", _steps(0.55, 3.05, 0.1), lambda r: r.spacing_mm
    ),
    Measure(
        "slice_distance_mm",
        "Slice distance",
        "mm",
        _steps(3.5, 16.5, 1),
        lambda r: r.slice_distance_mm,
    ),
    Measure("slices", "Slices", "per study", _steps(1, 25, 1), lambda r: r.slices, whole=True),
    Measure("phases", "Phases", "per cycle", _steps(1, 60, 1), lambda r: r.phases, whole=True),
    Measure("rr_ms", "RR interval", "ms", _steps(400, 1600, 50), lambda r: r.rr_ms),
)

INTENSITY_BINS = 32
"""Equal bins of the stored intensity 0 to 1."""

_SHIFT = 16 - INTENSITY_BINS.bit_length() + 1


def intensity_shares(cine: StoredCine) -> DoubleArray:
    """Return the share of pixels in each intensity bin, (INTENSITY_BINS,), of a (Z, T, Y, X) cine.

    Only the first phase of each slice is read, and slices that are padding are left out: a study
    counts once whatever its size, and a data set is surveyed by reading one byte in T.
    """
    first: NDArray[np.uint16] = np.asarray(cine[:, 0])
    imaged = first[first.any(axis=(1, 2))]
    counts = np.bincount((imaged >> _SHIFT).ravel(), minlength=INTENSITY_BINS)
    return counts / max(1, imaged.size)
