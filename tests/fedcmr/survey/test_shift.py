import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from survey_files import sites, sums

from fedcmr.survey.shift import Shift, jensen_shannon, shifts


@pytest.mark.parametrize("seed", range(5))
def test_the_distance_is_scipys(seed: int) -> None:
    rng = np.random.default_rng(seed)
    one, other = rng.integers(0, 20, (2, 12))
    expected = jensenshannon(one / one.sum(), other / other.sum(), base=2)
    assert jensen_shannon(one, other) == pytest.approx(expected, abs=1e-9)


def test_ends_of_the_scale() -> None:
    assert jensen_shannon([3, 1], [6, 2]) == 0
    assert jensen_shannon([1, 0], [0, 1]) == 1
    assert jensen_shannon([0, 0], [1, 1]) == 0


def test_a_site_of_another_kind_stands_out() -> None:
    found = shifts(sites())
    assert found["east"]["labels"].notable
    assert found["west"]["spacing_mm"].notable
    assert found["west"]["spacing_mm"].distance > 0.8
    assert not found["north"]["slices"].notable
    assert found == shifts(sites())


def test_chance_alone_is_seldom_pointed_out() -> None:
    alike = {f"s{n}": sums(f"s{n}", 40, seed=n) for n in range(8)}
    found = shifts(alike)
    names = ("spacing_mm", "slices", "phases", "rr_ms", "labels")
    assert sum(found[site][name].notable for site in found for name in names) <= 4


def test_small_distances_are_not_pointed_out() -> None:
    assert not Shift(distance=0.19, chance=0.01).notable
    assert not Shift(distance=0.4, chance=0.5).notable
    assert Shift(distance=0.4, chance=0.3).notable


def test_one_site_has_nothing_to_compare_with() -> None:
    assert shifts({"only": sums("only", 40, seed=0)}) == {}
    both = {"one": sums("one", 40, seed=0), "empty": sums("empty", 0, seed=0)}
    assert shifts(both)["one"]["labels"] == Shift(0.0, 1.0)
