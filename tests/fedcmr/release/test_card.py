import re
from pathlib import Path

import pytest
from metrics_files import METRICS
from provenance_files import HOSTILE, PROVENANCE

from fedcmr.config import Experiment
from fedcmr.release.card import NOT_PROVIDED, render_card
from fedcmr.release.checklists import CLAIM, TRIPOD_AI
from fedcmr.release.description import Description
from fedcmr.release.facts import facts
from fedcmr.release.layout import CARD, MODEL
from fedcmr.release.report import render_report
from fedcmr.settings import load_settings, parse_settings


@pytest.fixture
def description(written: Path) -> Description:
    return load_settings(written / MODEL, Description)


@pytest.fixture
def card(description: Description) -> str:
    return render_card(description, METRICS, PROVENANCE)


def test_stamps_and_results_are_printed(card: str) -> None:
    assert "PHANTOM" in card
    assert "PARTIAL" in card
    assert "0.834 (0.812 to 0.856)" in card
    assert "Site: west | withheld" in card
    assert "ε = 7.42" in card
    assert "paired DeLong" in card


def test_a_run_to_plan_on_patients_bears_no_stamp(description: Description) -> None:
    plain = PROVENANCE.model_copy(update={"phantom": False, "partial": False})
    text = render_card(description, METRICS, plain)
    assert "PHANTOM" not in text
    assert "PARTIAL" not in text


def test_what_was_not_run_is_said(description: Description) -> None:
    bare = METRICS.model_copy(update={"comparisons": (), "membership": None, "external": ()})
    text = render_card(description, bare, PROVENANCE.model_copy(update={"privacy": None}))
    assert "single-site models: not run" in text
    assert "Membership inference by the loss: not run" in text
    assert "not differentially private" in text
    assert re.search(rf"\| 33 \| .* \| {NOT_PROVIDED} \|", text)


def test_what_was_not_assessed_is_said(card: str) -> None:
    assert all(f"- {entry}" in card for entry in METRICS.not_assessed)


def test_every_item_of_both_checklists_is_answered_or_said_not_to_be(
    card: str, description: Description
) -> None:
    assert [item.number for item in CLAIM] == [str(n) for n in range(1, 45)]
    assert len({item.number.rstrip("abcdefg") for item in TRIPOD_AI}) == 27
    known = facts(description, METRICS, PROVENANCE)
    assert {item.fact for item in (*CLAIM, *TRIPOD_AI)} - {""} == set(known)
    for item in (*CLAIM, *TRIPOD_AI):
        assert f"| {item.number} | {item.words} | " in card
        if not item.fact:
            assert f"| {item.number} | {item.words} | {NOT_PROVIDED} |" in card


def test_a_suppressed_result_answers_no_item(description: Description) -> None:
    hidden = METRICS.model_copy(update={"overall": "suppressed"})
    known = facts(description, hidden, PROVENANCE)
    assert not {"performance", "diagnostic", "flow", "heterogeneity"} & set(known)


def test_the_sum_of_training_studies_is_no_way_to_a_withheld_number(
    description: Description,
) -> None:
    assert "training" not in facts(description, METRICS, PROVENANCE)["flow"]
    open_sites = tuple(s for s in PROVENANCE.sites if s.results_by_site)
    told = facts(description, METRICS, PROVENANCE.model_copy(update={"sites": open_sites}))
    assert "training 720 studies" in told["flow"]


def test_an_external_site_without_a_result_of_its_own_is_said_to_have_none(
    description: Description,
) -> None:
    assert "outside (results by group)" in facts(description, METRICS, PROVENANCE)["external"]
    west = METRICS.model_copy(update={"external": ("west",)})
    known = facts(description, west, PROVENANCE)
    assert "west (in the overall result only)" in known["external"]
    assert "those that did not" in known["internal"]


def test_a_private_run_tells_no_epochs_that_it_did_not_take(description: Description) -> None:
    privacy = {"mechanism": "dp_sgd", "noise_multiplier": 1.1}
    private = parse_settings(
        {
            **description.experiment.model_dump(mode="json"),
            "privacy": privacy,
            "federation": {"select": "last"},
        },
        Experiment,
        where="test",
    )
    known = facts(description.model_copy(update={"experiment": private}), METRICS, PROVENANCE)
    assert "local epoch" not in known["training"]


def test_words_of_a_site_stay_words(card: str) -> None:
    assert HOSTILE not in card
    assert r"\<img src=" in card
    assert r"\| \*star\*" in card


def test_tables_have_the_same_columns_throughout(written: Path, card: str) -> None:
    for text in (card, (written / CARD).read_text()):
        tables = re.findall(r"(?:^\|.*\n)+", text, re.M)
        assert len(tables) == 4
        for table in tables:
            assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1


def test_where_a_sample_is_a_slice_card_and_report_say_so(
    description: Description, card: str
) -> None:
    slices = Experiment(name="mvo", task="mvo", preprocessing={"slices": 1})
    of_slices = description.model_copy(update={"experiment": slices})
    texts = [render(of_slices, METRICS, PROVENANCE) for render in (render_card, render_report)]
    for text in texts:
        assert "also those of one patient: intervals are too narrow, p values too small" in text
        assert "Training slices" in text
        assert "Training studies" not in text
    assert "one slice at a time, 20 phases" in texts[0]
    assert "intervals are too narrow" not in card
