from fractions import Fraction

import pytest

from fedcmr.reproduce.arithmetic import Check, checks, fit
from fedcmr.reproduce.published import Published, published


def _with(key: str, label: str, column: str, value: str) -> dict[str, Published]:
    """Return the tables with another value in one place."""
    table = published()[key]
    place = list(table.columns).index(column)
    rows = tuple(
        row.model_copy(update={"values": (*row.values[:place], value, *row.values[place + 1 :])})
        if row.label == label
        else row
        for row in table.rows
    )
    return published() | {key: table.model_copy(update={"rows": rows})}


def _findings(tables: dict[str, Published]) -> list[Check]:
    return [check for check in checks(tables) if check.fit != "agrees"]


@pytest.mark.parametrize(
    ("printed", "exact", "expected"),
    [
        (".74", Fraction(147, 199), "agrees"),  # 0.7387
        ("56.82", Fraction(2500, 44), "agrees"),  # 56.818
        ("54.54", Fraction(2400, 44), "cut off"),  # 54.545
        ("52.62", Fraction(5000, 95), "last digit"),  # 52.632
        ("53.91", Fraction(5000, 94), "contradiction"),  # 53.191
        ("1.43M", Fraction(1_429_550, 10**6), "agrees"),
        (".5", Fraction(55, 100), "agrees"),  # a half, either way
        (".6", Fraction(55, 100), "agrees"),
    ],
)
def test_how_a_printed_number_comes_from_an_exact_one(
    printed: str, exact: Fraction, expected: str
) -> None:
    assert fit(printed, exact) == expected


def test_the_findings() -> None:
    found = _findings(published())
    assert [(check.table, check.row, check.fit) for check in found] == [
        ("R1", "ST-CNN", "cut off"),
        ("R2", "ischaemic", "contradiction"),
        ("R2", "non-ischaemic", "contradiction"),
        ("R3", "C3D", "cut off"),
        ("R3", "I3D", "cut off"),
        ("R3", "SlowFast", "cut off"),
        ("R4", "BERT", "contradiction"),
        ("R4", "CGMR", "cut off"),
        ("R4", "BERT and CGMR", "contradiction"),
        ("R5", "32", "cut off"),
        ("R5", "32", "cut off"),
        ("R6", "0.1", "last digit"),
    ]
    texts = {(check.table, check.row): check.text for check in found}
    assert texts["R1", "ST-CNN"].endswith("give .72")
    assert "counts false negatives" in texts["R2", "ischaemic"]
    assert texts["R4", "BERT"] == "F1 printed 53.91; TP 25, FN 19, FP 25 give 53.19"
    assert "make 43.92M; printed 43.72M, 0.20M less" in texts["R4", "BERT and CGMR"]


@pytest.mark.parametrize(
    ("key", "label", "column", "right"),
    [
        ("R4", "BERT", "f1", "53.19"),
        ("R1", "ST-CNN", "f1", ".72"),
        ("R4", "BERT and CGMR", "parameters", "43.92M"),
        ("R6", "0.1", "f1", "52.63"),
    ],
)
def test_a_corrected_value_is_no_finding(key: str, label: str, column: str, right: str) -> None:
    before = {(check.table, check.row, check.text) for check in _findings(published())}
    after = {(c.table, c.row, c.text) for c in _findings(_with(key, label, column, right))}
    assert len(before - after) == 1
    # R3, R5 and R6 print the count or the values of the full network, too.
    assert {table for table, _, _ in after - before} <= {"R3", "R4", "R5"}


@pytest.mark.parametrize(
    ("key", "label", "column", "wrong", "words"),
    [
        ("R1", "T-CNN", "sensitivity", ".79", "154 of 199 in R2 give .77"),
        ("R1", "ST-RAN", "parameters", "2.43M", "is 19.08 to 19.20"),
        ("R2", "T-CNN", "sensitivity", ".75", "84 of 107 give .79"),
        ("R5", "16", "auc", "72.71", "printed 72.71, in R6 72.70"),
        ("R7", "quantified", "triplets", "327", "346 is 345"),
        ("R7", "development", "patients", "2000", "at most 1348"),
        ("R9", "FWEM", "r", ".69", "printed as .70 to .76"),
    ],
)
def test_a_wrong_value_is_found(key: str, label: str, column: str, wrong: str, words: str) -> None:
    found = _findings(_with(key, label, column, wrong))
    assert any(check.fit == "contradiction" and words in check.text for check in found)


def test_false_positives_are_not_called_false_negatives_without_reason() -> None:
    found = _findings(_with("R2", "T-CNN", "false_positive", "24"))
    assert [check.row for check in found if check.table == "R2"] == []
