from collections import Counter

from fedcmr.data.split import split_of


def test_shares_are_60_20_20() -> None:
    counts = Counter(split_of(f"{number:032x}") for number in range(20_000))
    shares = {name: round(count / 20_000, 2) for name, count in counts.items()}
    assert shares == {"train": 0.6, "validation": 0.2, "test": 0.2}


def test_a_patient_never_moves() -> None:
    """Golden values: a change of the hash would move patients between published splits."""
    golden = "tvtttvtt"
    assert "".join(split_of(f"patient-{number}")[0] for number in range(8)) == golden
