import dataclasses
from pathlib import Path

import pytest

import fedcmr
from fedcmr.config import Experiment
from fedcmr.federation.contract import Contract, code_digest, contract
from fedcmr.tasks.scar import SCAR

EXPERIMENT = Experiment.model_validate(
    {"name": "test", "preprocessing": {"size": 16, "phases": 4, "slices": 3}}
)


def test_equal_sides_have_no_differences() -> None:
    digest = EXPERIMENT.preprocessing.digest()
    assert contract(EXPERIMENT).differences(contract(EXPERIMENT, digest)) == []


@pytest.mark.parametrize("entry", list(Contract.model_fields))
def test_every_entry_is_compared_and_named_with_both_values(entry: str) -> None:
    ours = contract(EXPERIMENT)
    theirs = ours.model_copy(update={entry: "0123456789abcdef"})
    assert ours.differences(theirs) == [
        f"{entry.replace('_', ' ')} differs: "
        f"coordinator {getattr(ours, entry)[:12]}, site 0123456789ab"
    ]


def test_network_enters_by_names_and_shapes() -> None:
    other = EXPERIMENT.model_copy(
        update={"model": EXPERIMENT.model.model_copy(update={"name": "s_cnn"})}
    )
    names = [
        line.split(" differs")[0] for line in contract(EXPERIMENT).differences(contract(other))
    ]
    assert names == ["experiment digest", "parameters digest"]


def test_another_meaning_of_the_labels_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = contract(EXPERIMENT)
    turned = dataclasses.replace(SCAR, classes=SCAR.classes[::-1])
    monkeypatch.setattr("fedcmr.federation.contract.task", lambda name: turned)
    [line] = ours.differences(contract(EXPERIMENT))
    assert line.startswith("label map digest differs: coordinator ")


def test_code_digest_sees_a_changed_byte(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before = code_digest()
    for path in Path(fedcmr.__file__).parent.rglob("*.py"):
        copy = tmp_path / path.relative_to(Path(fedcmr.__file__).parent)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    monkeypatch.setattr(fedcmr, "__file__", str(tmp_path / "__init__.py"))
    code_digest.cache_clear()
    assert code_digest() == before
    (tmp_path / "types.py").write_bytes((tmp_path / "types.py").read_bytes() + b"\n")
    code_digest.cache_clear()
    changed = code_digest()
    code_digest.cache_clear()
    assert changed != before
