import re

import pytest
import torch

from fedcmr.config import Preprocessing
from fedcmr.models.registry import build
from fedcmr.network import ModelSettings
from fedcmr.reproduce.published import published

SHAPE = Preprocessing(slices=2, phases=4, size=16)


def test_eleven_tables_and_what_each_is_of() -> None:
    tables = published()
    assert list(tables) == [f"R{number}" for number in range(1, 12)]
    assert [key for key, table in tables.items() if table.task == "scar"] == ["R1", "R2"]
    assert [key for key, table in tables.items() if table.task == "mvo"] == ["R3", "R4", "R5", "R6"]
    assert [len(table.rows) for table in tables.values()] == [8, 16, 7, 4, 4, 3, 6, 5, 3, 3, 2]


@pytest.mark.parametrize(
    ("key", "label", "column", "value"),
    [
        ("R1", "S-CNN", "specificity", ".60"),
        ("R1", "ST-RAN", "auc", ".84"),
        ("R1", "3D-CNN", "parameters", "46.5M"),
        ("R2", "ST-RAN", "true_positive", "98"),
        ("R3", "TimeSformer", "sensitivity", "52.27"),
        ("R4", "BERT", "f1", "53.91"),
        ("R5", "raw", "auc", "62.23"),
        ("R6", "0.1", "specificity", "69.77"),
        ("R7", "development", "patients", "1075"),
        ("R9", "FWQM", "icc", ".84"),
        ("R10", "FWEM, 10 %", "vne", "43.9"),
        ("R11", "CPU", "ms", "130"),
    ],
)
def test_values_are_as_printed(key: str, label: str, column: str, value: str) -> None:
    table = published()[key]
    assert table.value(table.row(label), column) == value


def test_every_value_is_a_number_and_every_row_has_a_network_of_its_own() -> None:
    for table in published().values():
        for row in table.rows:
            assert all(re.fullmatch(r"(\d*\.?\d+M?)?", value) for value in row.values), row
        of = [(row.group, row.ours) for row in table.rows if row.ours]
        assert len(set(of)) == len(of)


def test_with_the_attention_of_the_released_code_ast_cnn_is_st_cnn() -> None:
    """What the note of R1 says: a softmax over one value is 1."""
    torch.manual_seed(0)
    attentive = build(ModelSettings(name="ast_cnn", attention="code"), SHAPE).eval()
    plain = build(ModelSettings(name="st_cnn"), SHAPE).eval()
    missing = plain.load_state_dict(attentive.state_dict(), strict=False).missing_keys
    assert missing == []
    x = torch.rand(2, 2, 4, 16, 16)
    assert torch.equal(attentive(x), plain(x))
    gated = build(ModelSettings(name="ast_cnn"), SHAPE).eval()
    gated.load_state_dict(attentive.state_dict())
    assert not torch.allclose(gated(x), plain(x))
