import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedcmr.ingest.resample import in_plane, over_one_beat, taps_along

RNG = np.random.default_rng(5)


@settings(max_examples=50, deadline=None)
@given(
    count=st.integers(2, 30),
    phases=st.integers(2, 40),
    start=st.floats(-20, 60),
    rr=st.floats(400, 1500),
    share=st.floats(0.6, 1.0),
    seed=st.integers(0, 99),
)
def test_time_is_numpy_interp_with_a_period(
    count: int, phases: int, start: float, rr: float, share: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    times = start + np.arange(count) * rr * share / count
    frames = rng.uniform(0, 1, (count, 2, 2)).astype(np.float32)
    resampled = over_one_beat(frames, times, rr, phases)
    wanted = np.arange(phases) * rr / phases
    expected = np.interp(wanted, times, frames[:, 1, 0], period=rr)
    np.testing.assert_allclose(resampled[:, 1, 0], expected, atol=1e-5)


def test_frames_at_the_wanted_times_stay_as_they_are() -> None:
    frames = RNG.uniform(0, 900, (20, 3, 3)).astype(np.float32)
    same = over_one_beat(frames, np.arange(20) * 40.0, 800.0, 20)
    np.testing.assert_array_equal(same, frames)


def test_the_end_goes_round_to_the_beginning() -> None:
    frames = np.array([0, 10], np.float32).reshape(2, 1, 1)
    resampled = over_one_beat(frames, np.array([100.0, 500.0]), 1000.0, 10)
    np.testing.assert_allclose(
        resampled[:, 0, 0], [5 / 3, 0, 2.5, 5, 7.5, 10, 25 / 3, 20 / 3, 5, 10 / 3], atol=1e-5
    )


@pytest.mark.parametrize("step", [0.7, 1.0, 1.5])
def test_a_finer_grid_is_linear_interpolation(step: float) -> None:
    line = RNG.uniform(0, 1, (1, 1, 40)).astype(np.float32)
    taps = taps_along(40, 1.5, 3.2, step, 30)
    expected = np.interp(3.2 + step * np.arange(30), 1.5 * np.arange(40), line[0, 0])
    resampled = in_plane(line, taps_along(1, 1.0, 0.0, 1.0, 1), taps)
    np.testing.assert_allclose(resampled[0, 0], expected, atol=1e-6)


def test_a_coarser_grid_does_not_alias() -> None:
    stripes = np.tile(np.array([0, 1], np.float32), 50).reshape(1, 1, 100)
    one = taps_along(1, 1.0, 0.0, 1.0, 1)
    resampled = in_plane(stripes, one, taps_along(100, 1.0, 10.0, 4.0, 20))
    np.testing.assert_allclose(resampled, 0.5, atol=0.03)


@pytest.mark.parametrize("step", [0.8, 2.5])
def test_a_flat_image_stays_flat_and_the_outside_is_marked(step: float) -> None:
    flat = np.full((2, 30, 30), 7, np.float32)
    taps = taps_along(30, 1.0, -6.0, step, 20)
    resampled = in_plane(flat, taps, taps)
    inside = taps.inside[:, None] & taps.inside
    np.testing.assert_allclose(resampled[:, inside], 7, rtol=1e-6)
    wanted = -6 + step * np.arange(20)
    np.testing.assert_array_equal(taps.inside, (wanted > -0.5) & (wanted < 29.5))


def test_a_plane_is_moved_exactly() -> None:
    y, x = np.mgrid[:20, :30].astype(np.float32)
    frames = (3 * y + 5 * x)[None]
    rows = taps_along(20, 2.0, 5.0, 1.0, 10)
    columns = taps_along(30, 1.0, 3.25, 0.5, 12)
    expected = 3 * (5 + np.arange(10))[:, None] / 2 + 5 * (3.25 + 0.5 * np.arange(12))
    np.testing.assert_allclose(in_plane(frames, rows, columns)[0], expected, rtol=1e-6)
