import pytest
from survey_files import sums

from fedcmr.config import Experiment
from fedcmr.survey.contradictions import contradictions

EXPERIMENT = Experiment(name="scar")


@pytest.mark.parametrize(
    ("fixed", "words"),
    [
        ({"scar": 0}, "no positive study"),
        ({"scar": 1}, "no negative study"),
        ({"split": "test"}, "too few: under 10"),
        ({"spacing_mm": 2.8}, "wrong spacing: most images are coarser than 2.25 mm"),
        ({"slices": 4}, "fewer than half of the 10 slices"),
        ({"phases": 9}, "fewer than half of the 20 phases"),
        ({"rr_ms": 0.9}, "RR intervals are outside"),
        ({"rr_ms": 9000.0}, "RR intervals are outside"),
    ],
)
def test_a_site_that_cannot_serve_is_named(fixed: dict[str, object], words: str) -> None:
    both = {"good": sums("g", 60, seed=0), "bad": sums("b", 60, seed=1, **fixed)}
    found = contradictions(both, EXPERIMENT)
    assert list(found) == ["bad"]
    assert any(words in line for line in found["bad"])


@pytest.mark.parametrize("fixed", [{"spacing_mm": 2.1}, {"spacing_mm": 0.7}, {"slices": 5}])
def test_what_resampling_can_mend_is_no_contradiction(fixed: dict[str, object]) -> None:
    assert contradictions({"site": sums("s", 60, seed=0, **fixed)}, EXPERIMENT) == {}


def test_without_labels_only_that_is_said() -> None:
    assert contradictions({"site": sums("s", 0, seed=0)}, EXPERIMENT) == {
        "site": ("no study is labelled for the task scar",)
    }


def test_no_number_of_a_site_is_told() -> None:
    for n in (37, 61):
        bad = sums("bad", n, seed=1, scar=0, spacing_mm=2.8, split="test")
        [lines] = contradictions({"bad": bad}, EXPERIMENT).values()
        assert not any(str(n) in line for line in lines)
