"""Approving and withdrawing, by the commands a person gives while a client runs."""

import json
from pathlib import Path

import pytest
from fedcmr_client.approval import Approvals
from fedcmr_client.cli import app
from site_files import AUTO, EXPERIMENT, PRIVATE, accept, make_site, start
from typer.testing import CliRunner

from fedcmr.config import Experiment
from fedcmr.errors import DataError, PolicyRefusal, UsageError
from fedcmr.privacy.policy import Policy

DIGEST = EXPERIMENT.digest()


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "site.yaml").write_text("name: one\nserver: localhost:8443\n")
    return tmp_path


def call(*words: object) -> str:
    result = CliRunner().invoke(app, [*map(str, words)])
    if isinstance(result.exception, Exception):
        raise result.exception
    return result.stdout


def test_a_run_is_shown_and_waits_until_it_is_approved(site: Path) -> None:
    folder = make_site(site, Policy())
    with pytest.raises(PolicyRefusal, match="waits for approval at the site") as refusal:
        accept(folder)
    assert refusal.value.what == "waits for approval at the site"
    page = call("approve", "--site", site)
    assert f"experiment test, digest {DIGEST}" in page
    assert "in each of 2 rounds: " in page
    assert "4 labelled studies to train on, 2 studies to validate, 3 to test" in page
    assert "no differential privacy: nothing bounds" in page
    assert "name: t_cnn" in page
    assert f"approved {DIGEST}" in call("approve", DIGEST[:16].upper(), "--site", site)
    assert accept(folder).run == DIGEST
    assert call("approve", "--site", site) == "no run waits for approval\n"
    assert call("approve", "--list", "--site", site).startswith("approved 2")


def test_the_page_names_all_that_may_leave_and_how_often(site: Path) -> None:
    policy = Policy(most_bins=16, withheld_strata=("sex",))
    for experiment in (EXPERIMENT, PRIVATE):
        with pytest.raises(PolicyRefusal):
            accept(make_site(site, policy), experiment)
    pages = {known.digest: known.page for known in Approvals(site / "approvals").all()}
    for page in pages.values():
        assert "each at most 20 times: per class, overall and by group, a histogram" in page
        assert "at most 16 bins" in page
        assert "each at most 16 times: per class, a joint histogram" in page
        assert "at most 16 bins for either" in page
        assert "each at most 40 times: the number of studies and sums" in page
        assert "whenever a survey is asked for: " in page
        assert "never broken down by: sex" in page
        assert "whenever you refuse: " in page
    assert "of your TRAINING studies, at most 2 times" in pages[DIGEST]
    assert "TRAINING" not in pages[PRIVATE.digest()]
    assert "4 labelled patients to train on" in pages[PRIVATE.digest()]
    assert "epsilon spent" in pages[PRIVATE.digest()]


def test_the_page_says_what_a_private_run_would_spend(site: Path) -> None:
    with pytest.raises(PolicyRefusal):
        accept(make_site(site, Policy(largest_epsilon=50)), PRIVATE)
    page = call("approve", "--site", site)
    whole = accept(make_site(site), PRIVATE).gate.of_run()
    assert f"this run: epsilon {whole:.3f} at delta 1e-05" in page
    assert "your policy: 50" in page


def test_a_whole_digest_may_be_approved_before_the_run_was_seen(site: Path) -> None:
    folder = make_site(site, Policy())
    with pytest.raises(UsageError, match="one not seen yet needs all 64 digits"):
        call("approve", DIGEST[:16], "--site", site)
    call("approve", DIGEST, "--site", site)
    assert accept(folder).run == DIGEST
    changed = Experiment.model_validate({**EXPERIMENT.model_dump(), "name": "changed"})
    with pytest.raises(PolicyRefusal, match="waits for approval"):
        accept(folder, changed)


@pytest.mark.parametrize(
    "wrong", ["abc", DIGEST[:15], "xyz0123456789abc", "../../../etc/passwd", DIGEST + "0"]
)
def test_what_is_no_digest_is_refused(site: Path, wrong: str) -> None:
    with pytest.raises(UsageError, match="is no digest"):
        call("approve", wrong, "--site", site)


def test_an_ambiguous_digest_is_refused(tmp_path: Path) -> None:
    approvals = Approvals(tmp_path)
    for end in "01":
        approvals.decide("ab" * 31 + "0" + end, "approved")
    with pytest.raises(UsageError, match="2 experiments start with abababababababab"):
        approvals.decide("ab" * 8, "withdrawn")


@pytest.mark.parametrize("policy", [Policy(), AUTO], ids=["ask", "auto"])
def test_withdrawing_ends_a_run_at_its_next_question(site: Path, policy: Policy) -> None:
    call("approve", DIGEST, "--site", site)
    session = accept(make_site(site, policy))
    session.train(start(session), 1)
    call("withdraw", DIGEST[:16], "--site", site)
    with pytest.raises(PolicyRefusal, match="has withdrawn from this run"):
        session.check()
    with pytest.raises(PolicyRefusal, match="has withdrawn from this run"):
        accept(make_site(site, policy))
    call("approve", DIGEST, "--site", site)
    session.check()


def test_a_client_learns_once_that_its_run_was_approved(tmp_path: Path) -> None:
    running = Approvals(tmp_path)
    with pytest.raises(PolicyRefusal):
        running.demand(DIGEST, lambda: "page", ask=True)
    assert not running.approved_meanwhile()
    Approvals(tmp_path).decide(DIGEST[:16], "approved")
    assert running.approved_meanwhile()
    assert not running.approved_meanwhile()
    running.demand(DIGEST, lambda: "page", ask=True)


def test_the_first_to_approve_stays_on_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Approvals(tmp_path).decide(DIGEST, "approved")
    monkeypatch.setattr("fedcmr_client.approval._user", lambda: "another")
    assert Approvals(tmp_path).decide(DIGEST, "approved") == first
    assert Approvals(tmp_path).decide(DIGEST, "withdrawn").by == "another"
    assert Approvals(tmp_path).decide(DIGEST, "approved").by == "another"


def test_the_list_for_a_script_tells_who_decided(site: Path) -> None:
    call("approve", DIGEST, "--site", site)
    [known] = json.loads(call("approve", "--list", "--json", "--site", site))
    assert (known["digest"], known["decision"]) == (DIGEST, "approved")
    assert known["by"]


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / f"{DIGEST}.json").write_text('{"decision": "approved"}')
    with pytest.raises(DataError, match=rf"{DIGEST}\.json.*decide again"):
        Approvals(tmp_path).demand(DIGEST, lambda: "", ask=True)
