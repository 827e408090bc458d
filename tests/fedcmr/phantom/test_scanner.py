import numpy as np
import pytest

from fedcmr.phantom.scanner import acquire
from fedcmr.phantom.sites import SITES, Export

EXPORTS = [export for site in SITES.values() for export in site.exports]


@pytest.mark.parametrize("export", EXPORTS, ids=lambda e: f"{e.scanner.model}-{e.layout}")
def test_a_stack_is_within_the_ranges_of_real_ones(export: Export) -> None:
    rng = np.random.default_rng(0)
    for length in np.linspace(75, 110, 20):
        plan = acquire(export.scanner, float(length), rng)
        assert 8 <= plan.slices <= 14
        assert 18 <= plan.phases <= 30
        assert plan.slice_distance_mm in export.scanner.slice_distances_mm
        assert plan.pixels * plan.spacing_mm > 230


def test_every_vendor_stands_in_both_fields() -> None:
    fields = {(e.scanner.vendor, e.scanner.field_strength) for e in EXPORTS}
    assert fields == {(v, f) for v in ("GE", "Siemens", "Philips") for f in (1.5, 3.0)}


def test_shares_add_up() -> None:
    for site in SITES.values():
        assert sum(export.share for export in site.exports) == pytest.approx(1)


def test_scanners_differ_in_contrast() -> None:
    assert len({export.scanner.contrast for export in EXPORTS}) == 6
