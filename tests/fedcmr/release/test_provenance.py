import pytest
from pydantic import ValidationError

from fedcmr.release.provenance import MissedRound, Provenance, SiteRecord


@pytest.mark.parametrize(
    "change",
    [
        {"sites": []},
        {"code_digest": "abc"},
        {"started": "2026-01-02T03:04:05"},
        {"released_round": 0},
        {"patient": "x"},
    ],
)
def test_what_cannot_be_true_is_refused(provenance: Provenance, change: dict) -> None:
    with pytest.raises(ValidationError):
        Provenance.model_validate(provenance.model_dump(mode="json") | change)


def test_reasons_are_one_line_and_names_are_plain() -> None:
    with pytest.raises(ValidationError):
        MissedRound(round=1, reason="two\nlines")
    with pytest.raises(ValidationError):
        SiteRecord(name="<north>", examples=1, rounds_contributed=1)
