import pytest

from fedcmr.bench.figure import Figure


@pytest.mark.parametrize(
    ("value", "bar", "said", "verdict"),
    [
        (1.3, {"at_most": 1.3}, "<= 1.3", "met"),
        (1.31, {"at_most": 1.3}, "<= 1.3", "not met"),
        (1.6, {"at_least": 1.6}, ">= 1.6", "met"),
        (1.59, {"at_least": 1.6}, ">= 1.6", "not met"),
        (0.0, {"at_most": 1}, "<= 1", "met"),
        (5.0, {}, "", ""),
        (None, {"at_most": 1.3}, "<= 1.3", "not run"),
    ],
)
def test_a_bar_is_met_or_not(
    value: float | None, bar: dict[str, float], said: str, verdict: str
) -> None:
    figure = Figure("a.b", "a of b", value, **bar)
    assert (figure.bar, figure.verdict) == (said, verdict)
    assert Figure.from_json(figure.to_json()) == figure


def test_three_digits_are_printed() -> None:
    assert Figure("a", "a", 1.23456, "x").measured == "1.23 x"
    assert Figure("a", "a", 0.81).measured == "0.81"
    assert not Figure.not_run("a", "a", "no GPU", unit="x", at_most=2).measured
