import io
from collections.abc import Callable
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import FileDataset

from fedcmr.phantom.sites import SITES
from fedcmr.phantom.study import Study, draw_study, series_of
from fedcmr.phantom.write import files_of, write_site

SEED = 5


@pytest.fixture(scope="session")
def export(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Write two patients of a site once, and return the folder."""
    root = tmp_path_factory.mktemp("phantoms")

    def written(name: str) -> Path:
        out = root / name
        if not out.exists():
            write_site(out, site=SITES[name], patients=2, seed=SEED, workers=1)
        return out

    return written


@pytest.fixture(scope="session")
def encoded() -> Callable[[Study], dict[int, list[FileDataset]]]:
    """Encode a study in memory and read it back: data sets by series number."""

    def read(study: Study) -> dict[int, list[FileDataset]]:
        return {
            series.number: [
                pydicom.dcmread(io.BytesIO(content)) for _, content in files_of(study, series)
            ]
            for series in series_of(study)
        }

    return read


@pytest.fixture(scope="session")
def study_with() -> Callable[..., Study]:
    """Find the first study of a site that fits."""

    def find(site: str, fits: Callable[[Study], bool]) -> Study:
        studies = (draw_study(SITES[site], index, SEED) for index in range(200))
        return next(study for study in studies if fits(study))

    return find
