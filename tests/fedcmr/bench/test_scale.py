from math import isnan

import pytest

from fedcmr.bench.scale import _exponents, _index, exponent

SIZES = (2, 4, 8, 16, 32, 64)


@pytest.mark.parametrize("power", [0.5, 1.0, 2.0])
def test_the_exponent_of_what_grows_by_a_power(power: float) -> None:
    costs = [3.0 + 5.0 * (n - SIZES[0]) ** power for n in SIZES]
    assert exponent(SIZES, costs) == pytest.approx(power)


def test_a_constant_does_not_hide_that_a_cost_is_proportional() -> None:
    assert exponent(SIZES, [40.0 + 2.0 * n for n in SIZES]) == pytest.approx(1)


def test_a_square_is_above_the_bar() -> None:
    assert exponent(SIZES, [1000 + n**2 for n in SIZES]) > 1.3


def test_noise_on_a_constant_does_not_grow() -> None:
    assert exponent(SIZES, [100, 101, 99, 108, 98, 103]) == 0


def test_a_cost_that_grows_at_the_last_size_only_is_not_called_constant() -> None:
    assert isnan(exponent((100, 1_000, 10_000), [100, 99, 900]))
    [figure] = _exponents("studies", (100, 1_000, 10_000), {"memory": [100, 99, 900]})
    assert figure.verdict == "not met"


def test_what_a_site_tells_does_not_grow_with_its_studies() -> None:
    _, _, few = _index(1000)
    _, _, many = _index(4000)
    assert many < 1.2 * few
