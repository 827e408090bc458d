import pytest

from fedcmr.page.numbers import count, decimal, duration, p_value, percent


@pytest.mark.parametrize(
    ("shown", "words"),
    [
        (decimal(0.87314), "0.873"),
        (decimal(-0.5, 2), "−0.50"),
        (decimal(None), "–"),
        (percent(0.873), "87 %"),
        (percent(None), "–"),
        (count(1234567), "1\u202f234\u202f567"),
        (count(None), "–"),
        (p_value(0.03412), "p = 0.034"),
        (p_value(0.0004), "p < 0.001"),
        (p_value(None), "–"),
        (duration(12.34), "12.3 s"),
        (duration(59.99), "1 min"),
        (duration(600), "10 min"),
        (duration(4000), "1 h 07 min"),
        (duration(None), "–"),
    ],
)
def test_numbers_as_a_reader_expects_them(shown: str, words: str) -> None:
    assert shown == words
