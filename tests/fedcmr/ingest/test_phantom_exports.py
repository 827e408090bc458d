"""Every layout and oddity of the phantom sites is taken whole."""

from collections.abc import Iterator
from itertools import count

import numpy as np
import pytest

from fedcmr.config import Preprocessing
from fedcmr.ingest.prepare import prepare
from fedcmr.ingest.scan import Export, scan_export
from fedcmr.ingest.scanner import field_strength_of, is_phantom, vendor_of
from fedcmr.ingest.study import read_cine
from fedcmr.phantom.render import slice_centres
from fedcmr.phantom.series import Image
from fedcmr.phantom.sites import SITES, SiteProfile
from fedcmr.phantom.study import Study, draw_study, series_of
from fedcmr.phantom.write import files_of


def variety(site: SiteProfile) -> Iterator[Study]:
    """The first patients that show each export and each oddity of a site."""
    wanted = {*site.exports, *(name for name, _ in site.oddities)}
    for index in count():
        study = draw_study(site, index, seed=0)
        shown = {study.export, *study.oddities} & wanted
        if shown:
            wanted -= shown
            yield study
        if not wanted:
            return


def cine_of(study: Study) -> dict[tuple[int, int], Image]:
    """The last magnitude image of each slice and phase."""
    images: dict[tuple[int, int], Image] = {}
    for series in series_of(study):
        for image in series.images:
            cine = series.phases > 1 and series.inversion_ms is None
            if cine and image.component == "magnitude":
                images[image.slice, image.phase] = image
    return images


@pytest.fixture(scope="module", params=sorted(SITES))
def site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Export, dict[str, Study]]:
    folder = tmp_path_factory.mktemp(request.param)
    studies = {study.person.patient_id: study for study in variety(SITES[request.param])}
    for patient, study in studies.items():
        for series in series_of(study):
            for instance, content in files_of(study, series):
                path = folder / patient / f"{series.number}-{instance}"
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(content)
    return scan_export(folder, workers=1), studies


def test_every_patient_has_the_cine_that_was_drawn(site: tuple[Export, dict[str, Study]]) -> None:
    export, studies = site
    assert {found.patient_id for found in export.studies} == studies.keys()
    for found in export.studies:
        study = studies[found.patient_id]
        drawn = cine_of(study)
        acquisition = study.acquisition
        assert (found.slices, found.phases) == (acquisition.slices, acquisition.phases)
        assert found.slice_distance_mm == pytest.approx(acquisition.slice_distance_mm, abs=0.01)
        assert vendor_of(found.first.image) == acquisition.scanner.vendor
        assert is_phantom(found.first.image)
        strength = f"{acquisition.scanner.field_strength:g}T"
        expected = "unknown" if "no_field_strength" in study else strength
        assert field_strength_of(found.first.image) == expected
        array = read_cine(export.path, found).array
        for (z, t), image in drawn.items():
            # turning an image to the standard view leaves its sum as it is
            total = image.pixels.sum(dtype=np.float64) * image.slope
            total += image.intercept * image.pixels.size
            assert array[z, t].sum(dtype=np.float64) == pytest.approx(total, rel=1e-5)


def test_every_file_is_used_or_listed(site: tuple[Export, dict[str, Study]]) -> None:
    export, _ = site
    used = {f.image.path for found in export.studies for row in found.grid for f in row}
    listed = {path for exclusion in export.exclusions for path in exclusion.paths}
    assert len(used | listed) == export.files
    codes = {exclusion.code for exclusion in export.exclusions}
    assert codes <= {"lge", "no_trigger_time", "phase_image", "superseded_acquisition"}
    assert {"lge", "no_trigger_time"} <= codes


def test_the_crop_is_on_the_ventricle(site: tuple[Export, dict[str, Study]]) -> None:
    export, studies = site
    for found in export.studies:
        study = studies[found.patient_id]
        acquisition = study.acquisition
        corner = (acquisition.pixels - 1) / 2 * acquisition.spacing_mm
        x, y = slice_centres(study.patient, acquisition).mean(axis=0) + corner
        prepared = prepare(read_cine(export.path, found), Preprocessing())
        assert prepared.preparation.centre_mm == pytest.approx((y, x), abs=6)
        assert not {"weak_motion", "heart_at_edge"} & set(prepared.flags)
