from collections.abc import Callable

import pytest

from fedcmr.data.record import COLUMNS, StudyRecord, parse_row
from fedcmr.errors import DataError

Make = Callable[..., StudyRecord]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"scar": None, "mvo": 1, "flags": ("few_slices", "partial_cycle")},
        {"slices": 4, "mvo_slices": (None, 0, 1, None)},
        {"spacing_mm": 1.3671875, "rr_ms": 697.3333333333334, "aetiology": "non-ischaemic"},
    ],
)
def test_a_row_reads_back_equal(make_record: Make, changes: dict[str, object]) -> None:
    record = make_record(**changes)
    row = record.to_row()
    assert tuple(row) == COLUMNS
    assert parse_row(row, where="index.csv, line 2") == record


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ("scar", "2"),
        ("split", "all"),
        ("sex", "Anna"),
        ("slices", ""),
        ("aetiology", "other"),
        ("mvo_slices", "0 1 . ."),
        ("mvo_slices", "0 1 . . . . . . . x"),
    ],
)
def test_a_wrong_cell_is_refused_without_being_quoted(
    make_record: Make, column: str, cell: str
) -> None:
    row = make_record().to_row() | {column: cell}
    with pytest.raises(DataError, match=r"index\.csv, line 7") as caught:
        parse_row(row, where="index.csv, line 7")
    assert not cell or cell not in str(caught.value).replace("line 7", "")


def test_a_missing_column_is_refused(make_record: Make) -> None:
    row = make_record().to_row()
    del row["vendor"]
    with pytest.raises(DataError):
        parse_row(row, where="index.csv, line 2")
