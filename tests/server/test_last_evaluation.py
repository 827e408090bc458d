"""What is asked at the end, models compared on the same cases, and each site left out in turn."""

import json
from pathlib import Path

import numpy as np
import pytest
from fedcmr_server.finish import finish
from fedcmr_server.last_evaluation import last_evaluation
from fedcmr_server.leave_out import leave_one_out, without
from fedcmr_server.reference import load_reference
from fedcmr_server.rounds import Rounds
from flwr.app import RecordDict
from function_sites import FunctionLink, Site, add, experiment, site
from safetensors.torch import save_file

from fedcmr.errors import DataError, PartialRun
from fedcmr.federation import messages as wire
from fedcmr.release.signing import generate_signing_key

SETTINGS = experiment(rounds=1, quorum="all")


def trained(folder: Path, sites: dict[str, Site]) -> Rounds:
    run = Rounds(SETTINGS, folder, FunctionLink(sites), lambda link: None)
    run.train()
    return run


def steady(names: str) -> dict[str, Site]:
    # Scores that overlap, so that a calibration line exists, two of them in one bin.
    return {name: site(2, add(1), (0.4, 0.5, 0.7)[i % 3]) for i, name in enumerate(names)}


def test_everything_that_metrics_needs_is_asked(tmp_path: Path) -> None:
    run = trained(tmp_path, steady("abcd"))
    found = last_evaluation(run, run.weights, {"central": run.weights + 1})
    assert found.test.overall.n == found.validation.overall.n == 8
    assert found.refined
    assert len(found.test.edges) > 65
    assert found.comparisons["central"].n == 8
    assert found.calibration is not None
    assert found.membership is not None
    assert found.evaluated == {"a", "b", "c", "d"}
    assert found.shortfalls == ()


def test_a_comparison_that_a_site_refuses_is_a_shortfall_not_an_end(tmp_path: Path) -> None:
    def refuses(kind: str, content: RecordDict) -> RecordDict | str | None:
        if kind == wire.EVALUATE and wire.OTHER in content.array_records[wire.ARRAYS]:
            return "weights were compared often enough"
        return site(2, add(1), 0.4)(kind, content)

    run = trained(tmp_path, steady("abc") | {"d": refuses})
    found = last_evaluation(run, run.weights, {"central": run.weights + 1})
    assert found.comparisons == {}
    assert found.shortfalls == ("not compared with central: no answer of d",)


def test_each_site_is_left_out_in_turn_and_evaluated_once(tmp_path: Path) -> None:
    run = trained(tmp_path, steady("abc") | {"v": site(0, add(9), role="validate")})
    link = run.sites.link
    link.sent.clear()
    found = leave_one_out(run, tmp_path)
    assert set(found) == {"a", "b", "c"}
    for name in found:
        state = Rounds(
            without(SETTINGS, name), tmp_path / f"without-{name}", link, lambda link: None
        ).state
        assert set(state.rounds[0].contributed) == {"a", "b", "c"} - {name}
        assert link.sent.count((name, wire.TRAIN)) == 2
    link.sent.clear()
    assert leave_one_out(run, tmp_path) == found
    assert not link.sent, "what is finished is not done again"


def test_a_run_in_which_no_site_trained_is_never_released(tmp_path: Path) -> None:
    sites = {"a": site(0, add(1)), "b": site(0, add(1))}
    run = Rounds(SETTINGS, tmp_path, FunctionLink(sites), lambda link: None)
    with pytest.raises(PartialRun, match="no site has a labelled study"):
        run.train()
    with pytest.raises(PartialRun, match="no site has trained"):
        finish(run, tmp_path / "release", tmp_path / "key", others={}, left_out={})
    assert not (tmp_path / "release").exists()


def test_a_run_below_plan_says_so_in_every_artefact(tmp_path: Path) -> None:
    link = FunctionLink(steady("abcd"))
    link.away = {"c", "d"}

    def revokes_d(_: object) -> None:
        if ("a", wire.TRAIN) in link.sent and link.sites.pop("d", None):
            link.withdrawn["d"] = "revoked"

    run = Rounds(experiment(rounds=2, quorum=2), tmp_path, link, revokes_d)
    run.train()
    generate_signing_key(tmp_path / "key", tmp_path / "key.pub")
    outcome = finish(run, tmp_path / "release", tmp_path / "key", others={}, left_out={})
    assert outcome.shortfalls == ("c took no part: it never came", "d took no part: revoked")
    provenance = json.loads((outcome.release / "provenance.json").read_text())
    assert provenance["partial"] is True
    assert provenance["shortfalls"] == list(outcome.shortfalls)
    [absent] = [it for it in provenance["sites"] if it["name"] == "c"]
    assert [it["reason"] for it in absent["rounds_missed"]] == ["not connected"] * 2
    for page in ("report.html", "MODEL_CARD.md"):
        assert "PARTIAL" in (outcome.release / page).read_text()
    status = json.loads((tmp_path / "status.json").read_text())
    assert status["phase"] == "partial"
    assert status["sites"] == {
        "a": "trained 2 of 2 rounds",
        "b": "trained 2 of 2 rounds",
        "c": "never came",
        "d": "never came",
    }


def test_a_model_to_compare_with_must_be_of_this_network(tmp_path: Path) -> None:
    run = Rounds(SETTINGS, tmp_path, FunctionLink({}), lambda link: None)
    state = run.layout.unpack(run.weights)
    save_file(state, tmp_path / "model.safetensors")
    assert np.array_equal(load_reference(tmp_path, run.layout), run.weights)
    name = next(iter(state))
    save_file(state | {name: state[name][:1].clone()}, tmp_path / "model.safetensors")
    with pytest.raises(DataError, match="another network"):
        load_reference(tmp_path, run.layout)
    (tmp_path / "model.safetensors").write_bytes(b"\x80\x04.")
    with pytest.raises(DataError, match="no weights to compare with"):
        load_reference(tmp_path, run.layout)
