import numpy as np
import pytest

from fedcmr.ingest.percentile import percentile


@pytest.mark.parametrize("count", [1, 2, 3, 101, 2000])
@pytest.mark.parametrize("whole", [True, False])
def test_it_is_numpys_to_the_bit(count: int, whole: bool) -> None:
    rng = np.random.default_rng(count)
    for percent in (0.0, 1.0, 37.3, 50.0, 99.5, 100.0, *rng.uniform(0, 100, 20)):
        values = (1000 * rng.random((count, 2))).astype(np.float32)
        values = np.rint(values / 100) if whole else values
        before = values.copy()
        assert percentile(values, percent) == np.percentile(values, [percent])[0]
        np.testing.assert_array_equal(values, before)
