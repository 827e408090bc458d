import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from fedcmr.evaluation.results import Metrics, WithinSite
from fedcmr.release.description import Description
from fedcmr.release.layout import METRICS, MODEL, REPORT, TABLES
from fedcmr.release.provenance import MissedRound, Provenance
from fedcmr.release.report import absences, render_report
from fedcmr.settings import load_settings, parse_json

Facts = tuple[Description, Metrics, Provenance]


@pytest.fixture
def facts(release: Path, provenance: Provenance) -> Facts:
    metrics = parse_json((release / METRICS).read_text(), Metrics, where="")
    return load_settings(release / MODEL, Description), metrics, provenance


class _Page(HTMLParser):
    VOID = frozenset({"meta", "link", "br", "use", "path", "circle", "rect"})

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
    assert all(link.startswith("#") or link == "data:," for link in page.links)
    assert not re.search(r"url\((?!#)|@import", text)


def test_every_figure_names_its_numbers(release: Path, facts: Facts) -> None:
    text = (release / REPORT).read_text()
    named = set(re.findall(r"<code>([a-z_]+\.csv)</code>", text))
    assert named <= set(TABLES)
    assert text.count("<figure>") == len(re.findall(r"Numbers: <code>", text)) >= 5


def test_suppressed_strata_are_listed_as_such(release: Path, facts: Facts) -> None:
    text = (release / REPORT).read_text()
    text = text[text.index('aria-label="Results by group"') :]
    hidden = [s for s in facts[1].strata if s.result == "suppressed"]
    assert 0 < len(hidden) < len(facts[1].strata)
    for stratum in hidden:
        row = text[text.index(f'<th scope="row">{", ".join(stratum.level)}</th>') :]
        assert "suppressed" in row[: row.index("</tr>")]
        assert not re.search(r"0\.\d", row[: row.index("</tr>")].replace("1.5T", ""))


def test_a_run_to_plan_on_patients_bears_no_stamp(facts: Facts) -> None:
    description, metrics, provenance = facts
    stamped = render_report(description, metrics, provenance)
    assert "PHANTOM" in stamped
    assert "PARTIAL" in stamped
    plain = provenance.model_copy(update={"phantom": False, "partial": False})
    text = render_report(description, metrics, plain)
    assert "PHANTOM" not in text
    assert "PARTIAL" not in text


def test_all_suppressed_and_no_history_still_make_a_page(facts: Facts) -> None:
    description, metrics, provenance = facts
    hidden = metrics.model_copy(
        update={
            "overall": "suppressed",
            "roc": "suppressed",
            "calibration": "suppressed",
            "strata": (),
            "within_site": WithinSite(sites=0, fixed="suppressed", random=None),
            "heterogeneity": None,
            "gaps": (),
            "alarms": (),
        }
    )
    short = provenance.model_copy(update={"history": ()})
    text = render_report(description, hidden, short)
    assert "No history" in text
    assert "Suppressed: fewer than 10" in text
    assert "The curve is suppressed" in text


def test_rounds_missed_for_one_reason_are_told_together(provenance: Provenance) -> None:
    site = provenance.sites[0].model_copy(
        update={
            "rounds_missed": tuple(
                MissedRound(round=number, reason="late" if number < 9 else "away")
                for number in (7, 2, 3, 1, 9)
            )
        }
    )
    found = list(absences(provenance.model_copy(update={"sites": (site,)})))
    assert [(a.site, a.rounds, a.reason) for a in found] == [
        ("north", "1–3, 7", "late"),
        ("north", "9", "away"),
    ]


def test_numbers_that_a_site_withholds_are_said_to_be(facts: Facts) -> None:
    description, metrics, provenance = facts
    site = provenance.sites[0].model_copy(update={"examples": None, "results_by_site": False})
    text = render_report(description, metrics, provenance.model_copy(update={"sites": (site,)}))
    row = text[text.index('<th scope="row">north</th><td>trains</td>') :]
    assert "withheld" in row[: row.index("</tr>")]
