from pathlib import Path
from typing import get_args

from fedcmr.bench import data, memory
from fedcmr.bench.data import bench_epoch, bench_first_batch
from fedcmr.bench.studies import write_copies, write_studies
from fedcmr.config import Experiment, Preprocessing
from fedcmr.data.store import open_dataset
from fedcmr.ingest.scan import scan_export
from fedcmr.phantom.sites import SITES, Layout

SMALL = Preprocessing(slices=3, phases=4, size=16)
EXPERIMENT = Experiment.model_validate(
    {"name": "a", "model": {"name": "s_cnn"}, "preprocessing": SMALL.model_dump()}
)


def test_an_epoch_sees_so_many_studies_and_times_all_of_their_data(tmp_path: Path) -> None:
    write_studies(tmp_path / "set", 5, SMALL)
    (figure,) = bench_epoch(EXPERIMENT, open_dataset(tmp_path / "set"), 3)
    assert "3 studies" in figure.what
    assert figure.value is not None
    assert 0 < figure.value < 100


def test_the_first_batch_of_many_studies() -> None:
    (figure,) = bench_first_batch(EXPERIMENT, 20, 1)
    assert "20 studies" in figure.what
    assert figure.value is not None
    assert figure.value > 0


def test_copies_are_patients_of_their_own(tmp_path: Path) -> None:
    export = scan_export(write_copies(tmp_path, 2, SITES["philips"]), workers=1)
    assert len({study.patient_id for study in export.studies}) == 2
    assert len({study.first.image.instance_uid for study in export.studies}) == 1


def test_growth_is_told_against_a_study() -> None:
    figure = memory._figure("training", (10, 60), (100.0, 105.0), 2.0)
    assert figure.value == 5.0
    assert figure.verdict == "not met"
    assert "100 kB a study" in figure.detail
    assert memory._figure("training", (10, 60), (100.0, 99.0), 2.0).value == 0


def test_each_kind_of_export_has_a_site() -> None:
    for layout in get_args(Layout):
        sites = [data._only(layout, site) for site in SITES.values()]
        exports = [export for site in sites for export in site.exports]
        assert {export.layout for export in exports} == {layout}
        assert all(sum(e.share for e in site.exports) == 1 for site in sites if site.exports)
