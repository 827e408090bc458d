from pathlib import Path

import pytest

from fedcmr.errors import DataError
from fedcmr.privacy.accounting import Spending, epsilon
from fedcmr.privacy.budget import BudgetExhausted, BudgetLedger, Limit, PatientSet, read_budget

ROUND = Spending(noise_multiplier=1.0, sample_rate=0.1, steps=20)
DELTA = 1e-5


def patients(text: str, key: str = "k", dataset: str = "d") -> PatientSet:
    """One patient for each letter."""
    return PatientSet(frozenset(text), key, dataset)


def charge(
    ledger: BudgetLedger, who: PatientSet, limit: Limit | None = None, *, run: str = "r"
) -> None:
    ledger.charge(who, ROUND, limit, run=run, experiment=run, round_number=1, purpose="train")


def spent(path: Path, who: PatientSet) -> float:
    return read_budget(path).epsilon(who, delta=DELTA, accountant="rdp")


def rounds(number: int) -> float:
    return epsilon([ROUND] * number, DELTA, "rdp")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "budget.jsonl"


def test_rounds_add_up_over_runs_and_restarts(path: Path) -> None:
    for run in ("first", "first", "second"):
        charge(BudgetLedger(path), patients("abc"), run=run)
    assert spent(path, patients("abc")) == pytest.approx(rounds(3))
    assert [c.run for c in read_budget(path).charges] == ["first", "first", "second"]
    assert spent(path, patients("xyz")) == 0


@pytest.mark.parametrize(
    ("later", "seen"),
    [("abcd", 2), ("ab", 2), ("cx", 2), ("xyz", 0), ("abcxyz", 2)],
    ids=["superset", "subset", "overlap", "others", "union"],
)
def test_a_patient_keeps_the_budget_in_another_data_set(path: Path, later: str, seen: int) -> None:
    ledger = BudgetLedger(path)
    for _ in range(2):
        charge(ledger, patients("abc"))
    assert spent(path, patients(later, dataset="ingested anew")) == pytest.approx(rounds(seen))


def test_the_patient_of_whom_most_was_told_decides(path: Path) -> None:
    ledger = BudgetLedger(path)
    for who in ("ab", "bc", "bc", "cd"):
        charge(ledger, patients(who))
    expected = {"a": 1, "b": 3, "c": 3, "d": 1, "ad": 1, "abcd": 3, "e": 0}
    for who, number in expected.items():
        assert spent(path, patients(who)) == pytest.approx(rounds(number)), who


def test_under_another_pseudonym_key_everybody_counts(path: Path) -> None:
    charge(BudgetLedger(path), patients("abc", key="old"))
    assert spent(path, patients("xyz", key="new")) == pytest.approx(rounds(1))


def test_what_would_exceed_is_refused_and_not_noted(path: Path) -> None:
    ledger, limit = BudgetLedger(path), Limit(rounds(2) * 1.0001, DELTA, "rdp")
    for _ in range(2):
        charge(ledger, patients("abc"), limit)
    with pytest.raises(BudgetExhausted, match=rf"would become {rounds(3):.3f}") as refusal:
        charge(ledger, patients("abcd"), limit)
    assert refusal.value.exit_code == 6
    assert len(read_budget(path).charges) == 2
    charge(ledger, patients("xyz"), limit)


def test_the_names_of_a_set_are_written_once(path: Path) -> None:
    ledger = BudgetLedger(path)
    for _ in range(3):
        charge(ledger, patients("abc"))
    assert path.read_text().count('"members":["a","b","c"]') == 1


def test_a_changed_spending_is_caught(path: Path) -> None:
    for _ in range(2):
        charge(BudgetLedger(path), patients("abc"))
    path.write_text(path.read_text().replace('"steps":20', '"steps":10', 1))
    with pytest.raises(DataError, match=r"line (2|3) was changed"):
        BudgetLedger(path)


def test_prv_composes_the_same_lines_and_is_no_looser(path: Path) -> None:
    ledger = BudgetLedger(path)
    for _ in range(3):
        charge(ledger, patients("abc"))
    prv = read_budget(path).epsilon(patients("a"), delta=DELTA, accountant="prv")
    assert 0 < prv <= rounds(3)
