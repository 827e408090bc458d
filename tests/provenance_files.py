"""A run with everything in it: sites that miss rounds, hide numbers, spend privacy."""

from datetime import UTC, datetime, timedelta

from fedcmr.release.provenance import (
    MissedRound,
    PrivacySpent,
    Provenance,
    RoundRecord,
    SitePart,
    SiteRecord,
    round_record,
)

HOSTILE = '<img src="https://evil.example/x"> & $x_1$ "quoted" | *star* =1+1'
"""Words as an unfriendly site might send them."""

_STARTED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
_SPENT = PrivacySpent(
    mechanism="dp_sgd",
    epsilon=7.42,
    delta=1e-5,
    accountant="rdp",
    max_grad_norm=1.0,
)


def _history() -> tuple[RoundRecord, ...]:
    rounds = []
    for number in range(1, 13):
        names = ["east", "north", "south", "west"]
        if number in (4, 5, 9):
            names.remove("south")
        parts = [
            SitePart(
                site=name,
                examples=300 + 40 * index,
                loss=0.69 * 0.92**number + 0.03 * index,
                seconds=180.0 + 25 * index + 7 * (number % 3),
            )
            for index, name in enumerate(names)
        ]
        rounds.append(
            round_record(
                number,
                parts,
                by_site={"north", "south"},
                validation_loss=0.7 * 0.93**number + 0.002 * number**1.6,
                seconds=310.0,
                finished=_STARTED + timedelta(seconds=400 * number),
            )
        )
    return tuple(rounds)


PROVENANCE = Provenance(
    run="scar-0123abcd",
    started=_STARTED,
    finished=_STARTED + timedelta(hours=2),
    package_version="0.1.0",
    code_digest="0" * 64,
    experiment_digest="1" * 64,
    preprocessing_digest="2" * 64,
    released_round=10,
    sites=(
        SiteRecord(name="east", results_by_site=False, examples=None, rounds_contributed=12),
        SiteRecord(name="north", examples=340, rounds_contributed=12, privacy=_SPENT),
        SiteRecord(name="outside", role="validate", examples=0, rounds_contributed=0),
        SiteRecord(
            name="south",
            examples=380,
            rounds_contributed=9,
            rounds_missed=tuple(
                MissedRound(round=number, reason=HOSTILE if number == 9 else "no answer in 3600 s")
                for number in (4, 5, 9)
            ),
            privacy=_SPENT,
        ),
        SiteRecord(name="west", results_by_site=False, examples=None, rounds_contributed=12),
    ),
    history=_history(),
    privacy=_SPENT,
    phantom=True,
    partial=True,
    shortfalls=("south missed 3 of 12 rounds", HOSTILE),
)
