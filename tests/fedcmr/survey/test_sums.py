import json
from pathlib import Path

import numpy as np
import pytest
from survey_files import records, sites

from fedcmr.config import Preprocessing
from fedcmr.data.store import Dataset, write_dataset
from fedcmr.errors import FedcmrError
from fedcmr.evaluation.strata import NOT_GIVEN
from fedcmr.survey.sums import SURVEYED, SurveySums, survey, total
from fedcmr.tasks.registry import task


@pytest.fixture
def found(dataset: Dataset) -> SurveySums:
    return survey(dataset, task("scar"))


def test_labelled_studies_are_counted(found: SurveySums, dataset: Dataset) -> None:
    assert (found.n, found.patients, found.unlabelled) == (11, 10, 2)
    assert (found.samples, found.positive_samples) == (11, found.positives)
    labels = [record.scar for record in dataset.records if record.scar is not None]
    assert (found.positives, found.negatives) == (sum(labels), len(labels) - sum(labels))
    train = [r for r in dataset.subset("train") if r.scar is not None]
    assert next(s for s in found.strata if s.level == ("train",)).n == len(train)
    assert sum(found.intensity) == pytest.approx(11, abs=1e-4)
    assert all(sum(counts) == 11 for counts in found.measures.values())


def test_slices_are_counted_beside_their_studies(tmp_path: Path) -> None:
    labels = ((1, 1, 0, None), (0, 0, 0, 0), (None,) * 4)
    made = [
        records("s", 1, seed=seed, study=f"s{seed}", patient="s", slices=4, mvo_slices=row)[0]
        for seed, row in enumerate(labels)
    ]
    shape = Preprocessing(slices=1, phases=4, size=16)
    arrays = {record.study: np.ones((4, 4, 16, 16), np.uint16) for record in made}
    dataset = write_dataset(tmp_path / "slices", made, arrays, shape, phantom=True)
    found = survey(dataset, task("mvo"))
    assert (found.n, found.positives, found.unlabelled) == (2, 1, 1)
    assert (found.samples, found.positive_samples) == (7, 2)
    both = found + found
    assert (both.samples, both.positive_samples) == (14, 4)


def test_nothing_names_a_study(found: SurveySums, dataset: Dataset) -> None:
    text = found.to_json()
    assert not any(f'"{r.study}"' in text or f'"{r.patient}"' in text for r in dataset.records)


def test_what_travels_is_read_back(found: SurveySums) -> None:
    assert SurveySums.from_json(found.to_json(), where="north") == found


def test_a_withheld_column_has_one_level(dataset: Dataset) -> None:
    found = survey(dataset, task("scar"), withheld={"age_band", "vendor"})
    by_person = [s.level for s in found.strata if s.by == ("sex", "age_band")]
    assert {level[1] for level in by_person} == {NOT_GIVEN}
    assert "GE" not in found.to_json()


def test_sums_of_sites_are_the_sums_of_all_studies() -> None:
    parts = list(sites().values())
    pooled = total(parts)
    assert pooled.n == sum(part.n for part in parts)
    assert total([pooled, parts[0]]) == total([parts[0], pooled])
    for by in SURVEYED:
        assert sum(s.n for s in pooled.strata if s.by == by) == pooled.n


def test_without_a_site_there_is_nothing_to_add() -> None:
    with pytest.raises(FedcmrError, match="no site answered"):
        total([])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"patients": 99}, "more patients"),
        ({"patients": 1.5}, "patients"),
        ({"samples": 10}, "samples do not fit"),
        ({"positive_samples": 0}, "samples do not fit"),
        ({"unlabelled": -1}, "unlabelled"),
        ({"unlabelled": 2_000_000}, "too many|more than"),
        ({"strata": []}, "all studies first"),
        ({"measures": {}}, "bins of this version"),
        ({"intensity": [9.0] * 32}, "exceed"),
        ({"intensity": [0.1]}, "exceed"),
        ({"intensity": [float("nan")] * 32}, "intensity"),
        ({"name": "x"}, "unknown key"),
    ],
)
def test_what_cannot_be_true_is_refused(
    found: SurveySums, change: dict[str, object], words: str
) -> None:
    text = json.dumps(json.loads(found.to_json()) | change)
    with pytest.raises(FedcmrError, match=words) as caught:
        SurveySums.from_json(text, where="north")
    assert "north" in str(caught.value)


@pytest.mark.parametrize("field", ["positive", "negative"])
def test_strata_must_add_up(found: SurveySums, field: str) -> None:
    content = json.loads(found.to_json())
    content["strata"][-1][field] += 1
    with pytest.raises(FedcmrError, match="add up"):
        SurveySums.from_json(json.dumps(content), where="north")


def test_a_table_cannot_be_left_out_nor_made_up(found: SurveySums) -> None:
    content = json.loads(found.to_json())
    rest = [s for s in content["strata"] if s["by"] != ["aetiology"]]
    with pytest.raises(FedcmrError, match="every table"):
        SurveySums.from_json(json.dumps(content | {"strata": rest}), where="north")
    made_up = [s | {"by": ["zip"]} if s["by"] == ["split"] else s for s in content["strata"]]
    made_up.sort(key=lambda s: (s["by"], s["level"]))
    with pytest.raises(FedcmrError, match="tables that are surveyed"):
        SurveySums.from_json(json.dumps(content | {"strata": made_up}), where="north")
