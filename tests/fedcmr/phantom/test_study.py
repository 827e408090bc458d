from collections.abc import Callable

import numpy as np
import pytest

from fedcmr.phantom.series import Series
from fedcmr.phantom.sites import SITES
from fedcmr.phantom.study import (
    LGE_DELAY,
    SLICE_LOCATION_SCALE,
    SLICE_THAT_IS_REPEATED,
    Study,
    draw_study,
    series_of,
)

Find = Callable[..., Study]


def cine_of(study: Study) -> list[Series]:
    return [series for series in series_of(study) if 300 <= series.number < 400]


@pytest.mark.parametrize("site", SITES)
def test_a_study_has_scouts_a_complete_cine_and_late_enhancement(site: str) -> None:
    study = draw_study(SITES[site], 0, 1)
    series = list(series_of(study))
    images = [image for one in cine_of(study) for image in one.images]
    plan = study.acquisition
    assert {(image.slice, image.phase) for image in images} == {
        (z, t) for z in range(plan.slices) for t in range(plan.phases)
    }
    assert len(images) == plan.slices * plan.phases
    scouts = series[0]
    assert scouts.phases == 0
    assert len(scouts.images) == 3
    assert all(image.trigger_ms is None for image in scouts.images)
    assert scouts.frame_of_reference != series[1].frame_of_reference
    magnitude, real = series[-2:]
    assert [image.component for image in magnitude.images] == ["magnitude"] * plan.slices
    assert [image.component for image in real.images] == ["real"] * plan.slices
    assert magnitude.inversion_ms
    late = magnitude.images[1]
    assert late.trigger_ms == pytest.approx(LGE_DELAY * late.rr_ms)


def test_every_slice_has_its_own_heart_beat(study_with: Find) -> None:
    study = study_with("ge", lambda s: s.acquisition.slices >= 10)
    (cine,) = cine_of(study)
    intervals = {image.slice: image.rr_ms for image in cine.images}
    times = {image.trigger_ms for image in cine.images}
    assert len(set(intervals.values())) > 5
    assert len(times) > 3 * study.acquisition.phases
    for image in cine.images:
        assert image.trigger_ms is not None
        assert 0 < image.trigger_ms < image.rr_ms
    assert np.std(list(intervals.values())) / np.mean(list(intervals.values())) < 0.06


def test_slices_step_by_their_distance_along_the_normal(study_with: Find) -> None:
    study = study_with("ge", lambda s: "slice_location_off" in s)
    (cine,) = cine_of(study)
    first = {image.slice: image for image in reversed(cine.images)}
    positions = np.array([first[z].position for z in sorted(first)]) @ study.plane.normal
    distance = study.acquisition.slice_distance_mm
    np.testing.assert_allclose(np.diff(positions), -distance, atol=1e-6)
    locations = [first[z].slice_location for z in sorted(first)]
    np.testing.assert_allclose(np.diff(locations), -SLICE_LOCATION_SCALE * distance, atol=1e-6)


def test_orientation_jitters_within_a_series(study_with: Find) -> None:
    study = study_with("ge", lambda s: "orientation_jitter" in s)
    (cine,) = cine_of(study)
    written = {tuple(np.round(image.orientation, 6)) for image in cine.images}
    assert len(written) == 2
    a, b = written
    assert np.abs(np.subtract(a, b)).max() == pytest.approx(1e-6)


def test_scouts_may_share_the_series_of_the_cine(study_with: Find) -> None:
    study = study_with("ge", lambda s: "scouts_in_cine_series" in s)
    scouts, cine, *_ = series_of(study)
    assert scouts.uid == cine.uid
    assert scouts.number != cine.number
    assert scouts.frame_of_reference != cine.frame_of_reference


@pytest.mark.parametrize("site", ["ge", "siemens"])
def test_a_slice_that_was_scanned_again_comes_later_and_is_cleaner(
    study_with: Find, site: str
) -> None:
    study = study_with(
        site, lambda s: "repeated_slice" in s and s.export.layout != "enhanced_per_time"
    )
    twice = [
        image
        for series in cine_of(study)
        for image in series.images
        if image.slice == SLICE_THAT_IS_REPEATED and image.phase == 0
    ]
    spoilt, good = twice
    assert spoilt.position == good.position
    assert spoilt.acquired_s < good.acquired_s
    roughness = [np.abs(np.diff(image.pixels.astype(float))).mean() for image in twice]
    assert roughness[0] > 1.4 * roughness[1]


def test_magnitude_and_phase_in_one_series_have_their_own_slopes(study_with: Find) -> None:
    study = study_with("philips", lambda s: "phase_images" in s)
    (cine,) = cine_of(study)
    slopes = {image.component: (image.slope, image.intercept) for image in cine.images}
    assert set(slopes) == {"magnitude", "phase"}
    assert slopes["magnitude"] != slopes["phase"]
    phase = [image for image in cine.images if image.component == "phase"]
    assert len(phase) == study.acquisition.slices * study.acquisition.phases


def test_a_study_depends_on_site_index_and_seed_only() -> None:
    first, again = (draw_study(SITES["ge"], 3, 9) for _ in range(2))
    assert first.person == again.person
    assert first.patient == again.patient
    np.testing.assert_array_equal(first.rr_ms, again.rr_ms)
    others = [draw_study(*which) for which in ((SITES["philips"], 3, 9), (SITES["ge"], 4, 9))]
    others.append(draw_study(SITES["ge"], 3, 10))
    assert all(other.patient != first.patient for other in others)
