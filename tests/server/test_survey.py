"""The page before any training, from sites that are functions."""

from pathlib import Path

import pytest
from fedcmr_server.rounds import Rounds
from fedcmr_server.survey import survey
from flwr.app import ConfigRecord, RecordDict
from function_sites import FunctionLink, Site, add, experiment, site
from survey_files import sites

from fedcmr.errors import PartialRun
from fedcmr.federation import messages as wire

SETTINGS = experiment(quorum=2)


def counting(name: str) -> Site:
    text = sites()[name].to_json()

    def answer(kind: str, content: RecordDict) -> RecordDict | str | None:
        if kind == wire.ASK_SURVEY:
            return RecordDict({wire.ANSWER: ConfigRecord({wire.SURVEY: text})})
        return site(9, add(1), results_by_site=name != "north")(kind, content)

    return answer


def test_the_page_names_contradictions_and_nothing_is_trained(tmp_path: Path) -> None:
    link = FunctionLink({name: counting(name) for name in ("north", "south", "west")})
    run = Rounds(SETTINGS, tmp_path, link, lambda link: None)
    found = survey(run, SETTINGS, tmp_path)
    assert list(found.contradictions) == ["west"]
    assert found.missing == {}
    assert "south" in found.page.read_text()
    assert found.page == tmp_path / "survey.html"
    assert len(list(tmp_path.glob("survey_*.csv"))) == 3
    assert {kind for _, kind in link.sent} == {wire.HANDSHAKE, wire.ASK_SURVEY}


def test_who_was_not_counted_is_named_and_below_the_quorum_there_is_no_page(tmp_path: Path) -> None:
    link = FunctionLink({name: counting(name) for name in ("north", "south", "east")})
    link.away = {"east"}
    run = Rounds(SETTINGS, tmp_path, link, lambda link: None)
    assert survey(run, SETTINGS, tmp_path).missing == {"east": "not connected"}
    link.away = {"east", "north"}
    again = Rounds(SETTINGS, tmp_path, link, lambda link: None)
    with pytest.raises(PartialRun, match=r"survey of 1 of 2 sites; missing east.*north"):
        survey(again, SETTINGS, tmp_path / "none")
    assert not (tmp_path / "none").exists()
