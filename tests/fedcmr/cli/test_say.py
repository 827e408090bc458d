import pytest

from fedcmr.cli.say import printable, say


@pytest.mark.parametrize("line", ["[red]x[/red]", "[/]", ":smile: " + "long/" * 60])
def test_a_line_is_printed_as_it_is(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    say(line)
    assert capsys.readouterr().out == line + "\n"


def test_nothing_steers_the_terminal() -> None:
    assert printable("a\x1b[31mb\nc\u202ed\udcffé") == "a [31mb c d é"
