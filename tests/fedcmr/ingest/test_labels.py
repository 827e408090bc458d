from pathlib import Path

import pytest

from fedcmr.errors import DataError
from fedcmr.ingest.labels import Label, read_labels


def write(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "labels.csv"
    path.write_text(text, encoding=encoding)
    return path


def test_reads_any_columns_in_any_order(tmp_path: Path) -> None:
    path = write(
        tmp_path, "Scar, patient_id ,age,aetiology\n1,P1,47,Ischaemic\n,P2,,\n0,P3,8,none\n"
    )
    assert read_labels(path) == {
        "P1": Label(scar=1, age=47, aetiology="ischaemic"),
        "P2": Label(),
        "P3": Label(scar=0, age=8, aetiology="none"),
    }


def test_byte_order_mark_and_windows_lines(tmp_path: Path) -> None:
    path = write(tmp_path, "patient_id,scar,sex\r\nMüller,1,f\r\n", "utf-8-sig")
    assert read_labels(path) == {"Müller": Label(scar=1, sex="F")}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,scar\nSECRET,1\n", "no column patient_id"),
        ("patient_id,scar,SECRET\nP1,1,x\n", "column 3 is unknown"),
        ("patient_id,scar,scar\nP1,1,1\n", "column 3 is unknown or there twice"),
        ("patient_id,scar\nSECRET,2\n", "column scar holds something else"),
        ("patient_id,mvo\nSECRET,yes\n", "column mvo"),
        ("patient_id,aetiology\nSECRET,viral\n", "column aetiology"),
        ("patient_id,age\nSECRET,47.5\n", "column age"),
        ("patient_id,age\nSECRET,1964\n", "column age"),
        ("patient_id,scar\n ,1\n", "patient_id is empty"),
        ("patient_id,scar\nSECRET,1,1\n", "has not 2 cells"),
        ("patient_id,scar\nSECRET\n", "has not 2 cells"),
        ("patient_id,scar\nA,1\nSECRET,1\nSECRET,1\n", r"repeats line 3 \(.*line 4\)"),
        ("patient_id,scar\nA,1\nSECRET,1\nSECRET,0\n", r"contradicts line 3 \(.*line 4\)"),
        ("", "no column patient_id"),
    ],
)
def test_what_is_wrong_is_said_by_line_without_the_patient(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(DataError, match=message) as caught:
        read_labels(write(tmp_path, text))
    assert "SECRET" not in str(caught.value)


def test_missing_or_not_text(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read_labels(tmp_path / "none.csv")
    with pytest.raises(DataError, match="not CSV in UTF-8"):
        read_labels(write(tmp_path, "patient_id\nM\xfcller\n", "latin-1"))
