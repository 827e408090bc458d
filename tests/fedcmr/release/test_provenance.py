from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from fedcmr.release.provenance import (
    MissedRound,
    PrivacySpent,
    Provenance,
    RoundRecord,
    SitePart,
    SiteRecord,
    round_record,
)

SPENT = PrivacySpent(
    mechanism="dp_sgd",
    epsilon=3.0,
    delta=1e-5,
    accountant="rdp",
    max_grad_norm=1.0,
)


def _record(*names: str, by_site: set[str]) -> RoundRecord:
    parts = [
        SitePart(site=name, examples=10 * number, loss=0.5 * number, seconds=1.0)
        for number, name in enumerate(names, start=1)
    ]
    return round_record(
        1,
        parts[::-1],
        by_site=by_site,
        validation_loss=None,
        seconds=2.0,
        finished=datetime(2026, 1, 2, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    "change",
    [
        {"sites": []},
        {"code_digest": "abc"},
        {"started": "2026-01-02T03:04:05"},
        {"released_round": 0},
        {"patient": "x"},
        {"shortfalls": ["two\nlines"]},
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


@pytest.mark.parametrize("number", [{"examples": 3}, {"privacy": SPENT}])
def test_a_policy_against_results_by_site_is_kept(number: dict) -> None:
    closed = {"name": "north", "results_by_site": False, "rounds_contributed": 1}
    SiteRecord.model_validate(closed | {"examples": None})
    with pytest.raises(ValidationError, match="without results_by_site"):
        SiteRecord.model_validate(closed | {"examples": None} | number)


def test_the_loss_of_a_round_is_the_mean_over_studies() -> None:
    record = _record("a", "b", by_site={"a", "b"})
    assert record.loss == pytest.approx((10 * 0.5 + 20 * 1.0) / 30)
    assert record.sites == ("a", "b")
    assert [part.site for part in record.parts] == ["a", "b"]


def test_sites_show_their_part_only_where_all_may_or_two_hide() -> None:
    assert _record("a", "b", "c", by_site={"a", "b"}).parts == ()
    two_hide = _record("a", "b", "c", "d", by_site={"a", "b"})
    assert [part.site for part in two_hide.parts] == ["a", "b"]
    assert _record("a", by_site=set()).parts == ()


def test_a_loss_that_one_site_keeps_has_no_mean() -> None:
    parts = [
        SitePart(site="a", examples=10, loss=None, seconds=1.0),
        SitePart(site="b", examples=10, loss=0.4, seconds=1.0),
    ]
    made = round_record(
        1, parts, by_site={"a", "b"}, validation_loss=None, seconds=2.0, finished=None
    )
    assert made.loss is None
