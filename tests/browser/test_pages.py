"""Both pages in a real browser."""

import base64
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader

Open = Callable[..., Any]

both = pytest.mark.parametrize("name", ["report", "survey"])

UNNAMED_FIGURES = """
return [...document.querySelectorAll('svg')].filter(svg => {
  const ids = (svg.getAttribute('aria-labelledby') || '').split(' ');
  const words = ids.map(id => document.getElementById(id)).map(e => e ? e.textContent.trim() : '');
  return svg.getAttribute('role') !== 'img' || words.length < 2 || words.some(w => w.length < 8);
}).length"""

TOO_WIDE = """
const limit = document.documentElement.clientWidth;
return [...document.querySelectorAll('body *')].filter(e => {
  if (e.closest('svg') || getComputedStyle(e).display === 'inline') return false;
  if (e.closest('.scroll')) return false;
  return e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0
    || e.getBoundingClientRect().right > limit + 1;
}).map(e => e.tagName + ' ' + e.textContent.trim().slice(0, 60))"""

TEXT_OUTSIDE = """
const boxes = [...document.querySelectorAll('svg')].map(svg => [svg, svg.getBoundingClientRect()]);
return boxes.flatMap(([svg, box]) => [...svg.querySelectorAll('text')].filter(text => {
  const b = text.getBoundingClientRect();
  return b.left < box.left - 1 || b.right > box.right + 1 || b.top < box.top - 1
    || b.bottom > box.bottom + 1;
}).map(text => text.textContent.trim()))"""

TEXT_OVER_TEXT = """
return [...document.querySelectorAll('svg')].flatMap(svg => {
  const texts = [...svg.querySelectorAll('text')].map(t => [t, t.getBoundingClientRect()]);
  return texts.flatMap(([t, a], i) => texts.slice(i + 1).filter(([u, b]) =>
    Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 &&
    Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 3
  ).map(([u]) => t.textContent.trim() + ' | ' + u.textContent.trim()));
})"""

FAINT = """
const rgb = c => (c.match(/[\\d.]+/g) || [0, 0, 0]).slice(0, 3).map(Number);
const light = c => { const [r, g, b] = rgb(c).map(v => v / 255)
  .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
const ground = e => { for (; e; e = e.parentElement) {
  const c = getComputedStyle(e).backgroundColor;
  if (!c.startsWith('rgba') || rgb(c).length && !c.endsWith(', 0)')) return c;
} return 'rgb(255, 255, 255)'; };
return [...document.querySelectorAll('p, li, td, th, dd, dt, h1, h2, h3, caption, svg text')]
  .filter(e => e.textContent.trim()).filter(e => {
    const style = getComputedStyle(e), ink = e.closest('svg') ? style.fill : style.color;
    const [a, b] = [light(ink), light(ground(e))].sort((x, y) => y - x);
    return (a + 0.05) / (b + 0.05) < 4.5;
  }).map(e => e.textContent.trim().slice(0, 60))"""


def _picture(browser: Any) -> str:
    return str(browser.cdp("Page.captureScreenshot", captureBeyondViewport=True)["data"])


def _sheets(browser: Any) -> list[str]:
    pdf = browser.cdp("Page.printToPDF", printBackground=True, preferCSSPageSize=True)["data"]
    reader = PdfReader(io.BytesIO(base64.b64decode(pdf)))
    return [sheet.extract_text() for sheet in reader.pages]


@both
def test_nothing_is_asked_of_any_machine_and_no_error_shows(opened: Open, name: str) -> None:
    browser = opened(name)
    asked = browser.requests()
    assert any(address.endswith(f"{name}.html") for address in asked)
    assert [a for a in asked if not a.endswith(f"{name}.html") and a != "data:,"] == []
    assert browser.console() == []


def test_the_browser_would_tell(browser: Any, tmp_path: Path) -> None:
    page = tmp_path / "bad.html"
    page.write_text(
        '<!doctype html><img src="https://elsewhere.example/x.png">'
        '<p style="color: #999; width: 9000px">faint and wide</p>'
        '<svg width="50" height="30"><text x="40" y="20">leaves</text>'
        '<text x="42" y="20">covers</text></svg>'
    )
    browser.open(page)
    assert any("elsewhere.example" in address for address in browser.requests())
    assert browser.console()
    assert browser.run(UNNAMED_FIGURES) == 1
    assert browser.run(TOO_WIDE) == ["P faint and wide"]
    assert browser.run(TEXT_OUTSIDE) == ["leaves", "covers"]
    assert browser.run(TEXT_OVER_TEXT) == ["leaves | covers"]
    assert browser.run(FAINT) == ["faint and wide"]


@both
def test_every_figure_says_in_words_what_it_shows(opened: Open, name: str) -> None:
    browser = opened(name)
    assert browser.run("return document.querySelectorAll('svg').length") >= (
        7 if name == "report" else 1
    )
    assert browser.run(UNNAMED_FIGURES) == 0
    ids = browser.run("return [...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(ids) == len(set(ids))


@both
def test_without_scripts_the_page_is_the_same(opened: Open, name: str) -> None:
    with_scripts = _picture(opened(name))
    without = _picture(opened(name, scripts=False))
    opened(name)
    assert with_scripts == without


@both
@pytest.mark.parametrize("width", [360, 1280])
def test_no_text_runs_over(opened: Open, name: str, width: int) -> None:
    browser = opened(name, width=width)
    assert browser.run("return document.documentElement.scrollWidth") <= width
    assert browser.run(TOO_WIDE) == []
    assert browser.run(TEXT_OUTSIDE) == []
    assert browser.run(TEXT_OVER_TEXT) == []


@both
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_word_can_be_read(opened: Open, name: str, scheme: str) -> None:
    browser = opened(name)
    feature = {"name": "prefers-color-scheme", "value": scheme}
    browser.cdp("Emulation.setEmulatedMedia", features=[feature])
    assert browser.run(FAINT) == []
    browser.cdp("Emulation.setEmulatedMedia", features=[])


@pytest.mark.parametrize(
    ("name", "words"), [("report", ("PHANTOM", "PARTIAL")), ("survey", ("PHANTOM",))]
)
def test_every_printed_sheet_bears_the_stamp(
    opened: Open, name: str, words: tuple[str, ...]
) -> None:
    sheets = _sheets(opened(name))
    assert len(sheets) > 1
    assert all(word in sheet for sheet in sheets for word in words)


def test_a_run_to_plan_on_patients_prints_no_stamp(opened: Open) -> None:
    assert not any(w in s for s in _sheets(opened("plain")) for w in ("PHANTOM", "PARTIAL"))


def test_words_of_a_site_stay_words(opened: Open) -> None:
    browser = opened("report")
    assert (
        browser.run("return document.querySelectorAll('img, script, iframe, object').length") == 0
    )
    shown = browser.run("return document.body.innerText")
    assert shown.count('<img src="https://evil.example/x"> & $x_1$') == 2
