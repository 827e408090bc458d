import re
from xml.etree import ElementTree

from matplotlib.figure import Figure

from fedcmr.page.svg import BLUE, INK, VARIABLES, element, style


def _figure(words: str = "words") -> Figure:
    with style():
        figure = Figure(figsize=(3, 2))
        axes = figure.add_subplot()
        axes.fill_between((0, 1), (0, 0), (1, 1), color=BLUE)
        axes.text(0.5, 0.5, words, color=INK)
    return figure


def test_equal_figures_are_equal_bytes_without_a_date() -> None:
    one, other = (element(_figure(), "one", "a title", "a description") for _ in range(2))
    assert one == other
    assert "metadata" not in one
    assert not re.search(r"20\d\d-", one)


def test_title_and_description_are_named() -> None:
    root = ElementTree.fromstring(element(_figure(), "one", "a < b", 'says "so" & more'))
    assert root.get("role") == "img"
    [title, description] = list(root)[:2]
    assert root.get("aria-labelledby") == f"{title.get('id')} {description.get('id')}"
    assert (title.text, description.text) == ("a < b", 'says "so" & more')


def test_two_figures_share_no_id_and_find_their_own() -> None:
    def ids(svg: str) -> set[str]:
        return set(re.findall(r'\bid="([^"]+)"', svg))

    one, other = element(_figure(), "one", "t", "d"), element(_figure(), "other", "t", "d")
    assert not ids(one) & ids(other)
    assert set(re.findall(r"url\(#([^)]+)\)", one)) <= ids(one)
    assert set(re.findall(r'xlink:href="#([^"]+)"', one)) <= ids(one)


def test_the_page_chooses_the_colours() -> None:
    svg = element(_figure(), "one", "t", "d")
    assert "var(--blue)" in svg
    assert "var(--ink)" in svg
    assert not any(colour in svg for colour in VARIABLES)


def test_words_are_words_also_with_dollars_and_tags() -> None:
    words = "<b> $x_1$ & co"
    root = ElementTree.fromstring(element(_figure(words), "one", "t", "d"))
    assert words in [text.strip() for text in root.itertext()]
