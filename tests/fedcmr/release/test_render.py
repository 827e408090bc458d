import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from fedcmr.config import load_settings
from fedcmr.evaluation.metrics import NOT_ASSESSED, RESULTS, SUPPRESSED
from fedcmr.release.description import Description
from fedcmr.release.layout import CARD, METRICS, MODEL, REPORT
from fedcmr.release.provenance import Provenance
from fedcmr.release.render import render_card, render_report


@pytest.fixture
def facts(release: Path, provenance: Provenance) -> tuple[Description, Any, Provenance]:
    metrics = json.loads((release / METRICS).read_text())
    return load_settings(release / MODEL, Description), metrics, provenance


class _Page(HTMLParser):
    VOID = frozenset({"meta", "br", "use", "path", "circle", "rect"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href", "action")]
        self.links += [value or "" for name, value in attrs if name == "xlink:href"]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag


def test_the_report_is_whole_and_asks_nothing_of_anyone(release: Path) -> None:
    text = (release / REPORT).read_text()
    page = _Page(text)
    assert not page.open
    assert "script" not in page.tags
    assert all(link.startswith("#") for link in page.links)
    assert not re.search(r"url\((?!#)|@import", text)
    assert 'role="img" aria-label="Training and validation loss over 3 rounds"' in text


@pytest.mark.parametrize("name", [REPORT, CARD])
def test_stamps_and_results_are_printed(release: Path, results: dict[str, Any], name: str) -> None:
    text = (release / name).read_text()
    overall = results["overall"]
    assert "PHANTOM" in text
    assert "PARTIAL" in text
    assert f"{overall['auc']['value']:.3f}" in text
    assert f"{overall['sensitivity']['low']:.3f}" in text
    assert "site north" in text
    assert "GE, 1.5T" in text


@pytest.mark.parametrize("name", [REPORT, CARD])
def test_suppressed_strata_are_listed_as_such(
    release: Path, results: dict[str, Any], name: str
) -> None:
    text = (release / name).read_text()
    text = text[text.index("By scanner and site" if name == REPORT else "## Results") :]
    hidden = [row for row in results["strata"] if row["n"] == SUPPRESSED]
    assert 0 < len(hidden) < len(results["strata"])
    for row in hidden:
        line = text[text.index(", ".join(row["level"])) :].split(
            "</tr>" if name == REPORT else "\n"
        )
        assert "suppressed" in line[0], line[0]
        assert not re.search(r"0\.\d", line[0].replace("1.5T", ""))


@pytest.mark.parametrize("name", [REPORT, CARD])
def test_what_was_not_assessed_is_said(release: Path, name: str) -> None:
    text = (release / name).read_text()
    text = text[text.index("Not assessed") :]
    assert "second pass with quantile edges" in text
    assert all(entry in text for entry in NOT_ASSESSED)


def test_a_run_to_plan_on_patients_bears_no_stamp(facts: tuple) -> None:
    description, metrics, provenance = facts
    plain = provenance.model_copy(update={"phantom": False, "partial": False})
    for render in (render_report, render_card):
        text = render(description, metrics, plain)
        assert "PHANTOM" not in text
        assert "PARTIAL" not in text


def test_all_suppressed_and_no_history_still_make_a_page(facts: tuple) -> None:
    description, metrics, provenance = facts
    hidden = metrics | {
        "overall": dict.fromkeys(RESULTS, SUPPRESSED),
        "within_site": {"sites": 0, "auc": SUPPRESSED},
    }
    short = provenance.model_copy(update={"history": ()})
    assert "No history" in render_report(description, hidden, short)
    assert "| All | suppressed |" in render_card(description, hidden, short)


def test_words_of_a_site_stay_words(release: Path) -> None:
    report, card = (release / REPORT).read_text(), (release / CARD).read_text()
    assert "no answer &lt;b&gt;in&lt;/b&gt; | 60 s" in report
    assert r"no answer \<b\>in\</b\> \| 60 s" in card


def test_tables_of_the_card_have_the_same_columns_throughout(release: Path) -> None:
    tables = re.findall(r"(?:^\|.*\n)+", (release / CARD).read_text(), re.M)
    assert len(tables) == 2
    for table in tables:
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1
