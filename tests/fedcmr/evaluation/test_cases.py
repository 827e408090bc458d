from pathlib import Path

import numpy as np
import pytest

from fedcmr.errors import DataError
from fedcmr.evaluation.cases import read_cases

TEXT = """study,label,score,vendor,sex,flags
b,1,0.9,GE,F,weak_motion few_slices
a,0,0.25,,M,
c,,0.5,GE,F,
d,1,,GE,F,
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.csv"
    path.write_text(TEXT)
    return path


def test_cases_are_sorted_and_incomplete_lines_counted(file: Path) -> None:
    cases = read_cases(file)
    assert cases.studies == ("a", "b")
    assert np.array_equal(cases.labels, [0, 1])
    assert np.array_equal(cases.scores, [0.25, 0.9])
    assert cases.left_out == 2
    assert cases.strata == {}


def test_strata_are_columns_pairs_and_flags(file: Path) -> None:
    assert read_cases(file, ["vendor", "vendor+sex", "flags"]).strata == {
        ("vendor",): (("unknown",), ("GE",)),
        ("vendor", "sex"): (("unknown", "M"), ("GE", "F")),
        ("flag few_slices",): (("no",), ("yes",)),
        ("flag weak_motion",): (("no",), ("yes",)),
    }


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("study,label", "name,label", "no column study"),
        ("0.25", "1.25", "score must be"),
        ("0.25", "nan", "score must be"),
        ("0.25", "high", "score must be"),
        ("b,1", "b,2", "label must be 0 or 1"),
        ("b,1", "a,1", "twice"),
        ("b,1", "\udcff,1", "UTF-8"),
    ],
)
def test_what_is_no_prediction_is_refused(file: Path, before: str, after: str, words: str) -> None:
    file.write_bytes(TEXT.replace(before, after).encode("utf-8", "surrogateescape"))
    with pytest.raises(DataError, match=words):
        read_cases(file)


def test_a_file_that_a_spreadsheet_saved_is_read(file: Path) -> None:
    plain = read_cases(file)
    file.write_text(TEXT, encoding="utf-8-sig")
    assert read_cases(file).studies == plain.studies


def test_a_scored_line_without_a_study_is_refused(file: Path) -> None:
    file.write_text("label,score,study\n1,0.9,a\n0,0.2\n")
    with pytest.raises(DataError, match="no study"):
        read_cases(file)


def test_an_unknown_column_is_refused(file: Path) -> None:
    with pytest.raises(DataError, match="no column scanner"):
        read_cases(file, ["vendor+scanner"])


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No such file"):
        read_cases(tmp_path / "none.csv")
