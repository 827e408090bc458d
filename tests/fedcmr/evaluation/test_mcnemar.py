from math import erfc, sqrt

import pytest
from scipy.stats import binomtest

from fedcmr.evaluation.mcnemar import mcnemar


@pytest.mark.parametrize("first", [0, 1, 4, 9, 60])
@pytest.mark.parametrize("second", [0, 2, 9, 41, 200])
def test_equals_the_binomial_test_of_scipy(first: int, second: int) -> None:
    expected = binomtest(first, first + second, 0.5).pvalue if first + second else 1.0
    assert mcnemar(first, second) == pytest.approx(expected, rel=1e-9)
    assert mcnemar(first, second) == mcnemar(second, first)


def test_worked_example_of_fagerland() -> None:
    """Fagerland, Lydersen and Laake 2013 (BMC Med Res Methodol 13:91), Table 1, of Bentur 2009.

    21 children, airway hyper-responsive before or after transplantation only: 1 and 7. By their
    formula 1 the exact p is twice binomcdf(1, 8, 0.5) = 2 (1 + 8) / 256.
    """
    assert mcnemar(1, 7) == 2 * 9 / 256


def test_worked_example_of_agresti() -> None:
    """Agresti, Categorical Data Analysis, approval of a prime minister: 150 and 86 changed.

    His z is -4.17 (z^2 = 17.36). The exact p lies between the p of that and of the one with
    continuity correction, (64 - 1)^2 / 236.
    """
    squared = (86 - 150) ** 2 / (86 + 150)
    assert round(squared, 2) == 17.36
    assert erfc(sqrt(squared / 2)) < mcnemar(86, 150) < erfc(sqrt(63**2 / 236 / 2))
