import pytest
from jinja2 import UndefinedError

from fedcmr.page.render import environment
from fedcmr.page.stamp import stamps


def test_words_are_escaped_and_missing_ones_refused() -> None:
    made = environment("fedcmr.release")
    page = made.get_template("page.html.j2")
    assert "<main>" in page.render(stamps=())
    with pytest.raises(UndefinedError):
        page.render()
    text = made.from_string("{{ word }}").render(word="<b>")
    assert text == "&lt;b&gt;"


def test_stamps_stand_at_the_head_and_on_every_sheet() -> None:
    page = environment("fedcmr.release").get_template("page.html.j2")
    text = page.render(stamps=stamps(phantom=True, partial=True))
    assert text.count("PHANTOM") == text.count("PARTIAL") == 2
    assert "position: fixed" in text
    assert "position: fixed" not in page.render(stamps=())
