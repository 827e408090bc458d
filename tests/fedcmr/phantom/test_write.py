import csv
import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from fedcmr.errors import UsageError
from fedcmr.phantom.sites import SITES
from fedcmr.phantom.study import draw_study
from fedcmr.phantom.write import LABEL_COLUMNS, write_site


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("site", SITES)
def test_the_same_call_writes_the_same_bytes_with_any_number_of_processes(
    export: Callable[[str], Path], tmp_path: Path, site: str
) -> None:
    first = export(site)
    write_site(tmp_path / "again", site=SITES[site], patients=2, seed=5, workers=2)
    assert digests(tmp_path / "again") == digests(first)


def test_a_patient_does_not_depend_on_how_many_there_are(
    export: Callable[[str], Path], tmp_path: Path
) -> None:
    both = digests(export("siemens") / "dicom")
    write_site(tmp_path / "one", site=SITES["siemens"], patients=1, seed=5, workers=1)
    one = digests(tmp_path / "one" / "dicom")
    assert one.items() < both.items()


def test_another_seed_writes_other_bytes(export: Callable[[str], Path], tmp_path: Path) -> None:
    write_site(tmp_path / "other", site=SITES["siemens"], patients=1, seed=6, workers=1)
    assert not set(digests(tmp_path / "other").values()) & set(digests(export("siemens")).values())


def test_labels_are_those_of_the_patients(export: Callable[[str], Path]) -> None:
    with (export("ge") / "labels.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == LABEL_COLUMNS
    for index, row in enumerate(rows):
        study = draw_study(SITES["ge"], index, 5)
        assert row == {
            "patient_id": study.person.patient_id,
            "scar": str(int(study.patient.scar)),
            "mvo": str(int(study.patient.mvo)),
            "aetiology": study.patient.aetiology,
            "sex": study.patient.sex,
            "age": str(study.patient.age),
        }


def test_files_are_named_as_the_vendor_names_them(export: Callable[[str], Path]) -> None:
    names = {site: next(iter(sorted(digests(export(site) / "dicom")))) for site in SITES}
    assert names["ge"].endswith(".dcm")
    assert names["siemens"].endswith(".IMA")
    assert Path(names["philips"]).suffix == ""


def test_resource_forks_lie_beside_the_images(tmp_path: Path) -> None:
    always = replace(SITES["siemens"], oddities=(("resource_forks", 1),))
    write_site(tmp_path / "mac", site=always, patients=1, seed=5, workers=1)
    forks = list((tmp_path / "mac").rglob("._*"))
    assert forks
    assert all(fork.with_name(fork.name.removeprefix("._")).is_file() for fork in forks)


def test_an_export_is_never_written_into_another(tmp_path: Path) -> None:
    (tmp_path / "something").touch()
    with pytest.raises(UsageError, match="not empty"):
        write_site(tmp_path, site=SITES["ge"], patients=1, seed=0)
