"""The same sheet gives the same bytes: compared with files that a person has read."""

from pathlib import Path

import pytest

from fedcmr.evaluation.results import Estimate
from fedcmr.reproduce.arithmetic import Check
from fedcmr.reproduce.measure import Measured
from fedcmr.reproduce.published import Ours, Published, Row
from fedcmr.reproduce.sheet import RowOfOurs, Sheet, compared_sheet, printed_sheet
from fedcmr.reproduce.write import write_sheet

GOLDEN = Path(__file__).with_name("golden")
FOUND = (Check("R1", "B_2", "cut off", "AUC printed .81; 9 & 1 give .82"),)


def _table(task: str | None) -> Published:
    rows = [
        Row(label=label, values=values, ours=Ours(model={"name": name}) if task else None)
        for label, name, values in (
            ("A", "s_cnn", (".74", "0.90M")),
            ("B_2", "st_cnn", (".81", "")),
        )
    ]
    return Published(
        title="Areas & more",
        source="Someone, 50 %",
        task=task,
        unit="fraction" if task else None,
        positives=199 if task else 0,
        negatives=301 if task else 0,
        columns={"auc": "AUC", "parameters": "Parameters"},
        rows=rows,
        notes=("said #1",),
    )


def _measured(value: float, p: float | None) -> Measured:
    auc = Estimate(value=value, low=value - 0.1, high=value + 0.05)
    return Measured(40, 17, {"auc": auc}, {}, delong_p=p, mcnemar_p=p)


def _sheet(name: str) -> Sheet:
    if name == "printed":
        return printed_sheet("printed", _table(None), FOUND)
    ours = (
        RowOfOurs(_measured(0.8125, None), full_size=902_097, trained=100, steps=11),
        RowOfOurs(_measured(0.9, 0.0004), full_size=1_384_129, trained=200, steps=12)
        if name == "compared"
        else RowOfOurs(None, "the rows before it used the budget up"),
    )
    stamp = "PHANTOM: no patients" if name == "compared" else ""
    reduced = ("input 1 x 2^2",) if name == "compared" else ()
    return compared_sheet(name, _table("scar"), ours, FOUND, stamp=stamp, reduced=reduced)


@pytest.mark.parametrize("name", ["printed", "compared", "missing"])
def test_bytes(name: str, tmp_path: Path) -> None:
    write_sheet(_sheet(name), tmp_path)
    assert len(list(tmp_path.iterdir())) == 3
    for ending in ("csv", "md", "tex"):
        file = f"{name}.{ending}"
        assert (tmp_path / file).read_bytes() == (GOLDEN / file).read_bytes(), file


def test_every_way_to_write_says_phantom_and_not_run() -> None:
    for ending in ("csv", "md", "tex"):
        assert "PHANTOM" in (GOLDEN / f"compared.{ending}").read_text()
        assert "PHANTOM" not in (GOLDEN / f"missing.{ending}").read_text()
        missing = (GOLDEN / f"missing.{ending}").read_text()
        assert missing.count("not run") >= 1
        assert "used the budget up" in missing
