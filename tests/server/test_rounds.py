"""The rounds against sites that are functions: who counts, who is set aside, what is kept."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from case_files import EDGES
from fedcmr_server.rounds import Rounds
from flwr.app import Array, ArrayRecord, ConfigRecord, RecordDict
from function_sites import LEVEL, FunctionLink, Site, add, experiment, site

from fedcmr.config import Experiment
from fedcmr.errors import DataError, PartialRun
from fedcmr.evaluation.sums import collect
from fedcmr.federation import messages as wire


def rounds(folder: Path, sites: Mapping[str, Site], settings: Experiment | None = None) -> Rounds:
    return Rounds(settings or experiment(), folder, FunctionLink(sites), lambda link: None)


def evaluated(run: Rounds) -> set[str]:
    awaited = run.state.cohorts
    return set(run.evaluation.sums(run.weights, "test", awaited=awaited, finished=3))


def test_weights_are_the_mean_over_studies(tmp_path: Path) -> None:
    run = rounds(tmp_path, {"a": site(30, add(1)), "b": site(10, add(5))})
    before = run.weights
    run.train()
    assert np.allclose(run.weights, before + 3 * 2, atol=1e-5)  # (30 * 1 + 10 * 5) / 40 a round
    assert [record.round for record in run.state.rounds] == [1, 2, 3]


def test_a_site_without_training_studies_takes_part_with_weight_zero(tmp_path: Path) -> None:
    run = rounds(tmp_path, {"a": site(30, add(1)), "b": site(0, add(500))})
    before = run.weights
    run.train()
    assert np.allclose(run.weights, before + 3, atol=1e-5)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda vector: np.full_like(vector, np.nan), "not finite"),
        (lambda vector: vector[:-1], "expected float32"),
        (lambda vector: vector.astype(np.float64), "expected float32"),
        (lambda vector: vector.astype(np.int32), "int32"),
        (lambda vector: np.zeros(0, np.float32), "expected float32"),
    ],
)
def test_a_broken_update_is_set_aside_with_its_reason(
    tmp_path: Path, change: Callable[[np.ndarray], np.ndarray], reason: str
) -> None:
    sites = {"a": site(1, add(1)), "b": site(1, add(1)), "c": site(100, change)}
    run = rounds(tmp_path, sites)
    before = run.weights
    run.train()
    assert np.allclose(run.weights, before + 3, atol=1e-5)
    assert all(reason in record.missed["c"] for record in run.state.rounds)
    assert all(set(record.contributed) == {"a", "b"} for record in run.state.rounds)


def lie(change: Callable[[RecordDict], None], kind: str = wire.TRAIN) -> Site:
    honest = site(100, add(1))

    def answer(asked: str, content: RecordDict) -> RecordDict | str:
        reply = honest(asked, content)
        if asked == kind:
            assert isinstance(reply, RecordDict)
            change(reply)
        return reply

    return answer


def set_metric(name: str, value: float) -> Callable[[RecordDict], None]:
    def change(reply: RecordDict) -> None:
        reply.metric_records[wire.METRICS][name] = value

    return change


def huge_header(reply: RecordDict) -> None:
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (100000000000000,), }"
    data = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
    size = len(reply.array_records[wire.ARRAYS][wire.WEIGHTS].data)
    array = Array("float32", (10**14,), "numpy.ndarray", data.ljust(size, b"\0"))
    reply[wire.ARRAYS] = ArrayRecord({wire.WEIGHTS: array})


def second_array(reply: RecordDict) -> None:
    reply.array_records[wire.ARRAYS]["more"] = Array(np.zeros(3, np.float32))


@pytest.mark.parametrize(
    "change",
    [
        set_metric(wire.EXAMPLES, -5),
        set_metric(wire.EXAMPLES, 10**15),
        set_metric(wire.LOSS, 1e308),
        set_metric(wire.LOSS, float("nan")),
        set_metric("weight", 1.0),
        huge_header,
        second_array,
    ],
)
def test_a_lying_update_costs_its_sender_the_round(
    tmp_path: Path, change: Callable[[RecordDict], None]
) -> None:
    run = rounds(tmp_path, {"a": site(1, add(1)), "b": site(1, add(1)), "c": lie(change)})
    before = run.weights
    run.train()
    assert np.allclose(run.weights, before + 3, atol=1e-5)
    assert all(set(record.missed) == {"c"} for record in run.state.rounds)


def test_sums_of_more_cases_than_the_site_has_are_left_out(tmp_path: Path) -> None:
    def inflate(reply: RecordDict) -> None:
        sums = collect([0, 1] * 9, [0.1, 0.9] * 9, [LEVEL] * 18, edges=EDGES)
        reply[wire.ANSWER] = ConfigRecord({wire.SUMS: sums.to_json()})

    run = rounds(tmp_path, {"a": site(1, add(1)), "b": lie(inflate, wire.EVALUATE)})
    run.train()
    assert evaluated(run) == {"a"}


def test_a_round_that_not_all_sites_validated_is_not_the_best(tmp_path: Path) -> None:
    rounds_seen = 0

    def hard_site_away_in_round_2(kind: str, content: RecordDict) -> RecordDict | str:
        nonlocal rounds_seen
        rounds_seen += kind == wire.TRAIN
        if kind == wire.EVALUATE and rounds_seen == 2:
            return "away"
        return site(1, add(1), 0.2)(kind, content)

    run = rounds(tmp_path, {"a": site(1, add(1), 0.9), "b": hard_site_away_in_round_2})
    run.train()
    assert run.state.best_round == 1


def test_a_crash_after_the_last_round_still_waits_for_the_sites(tmp_path: Path) -> None:
    sites = {"a": site(1, add(1)), "b": site(1, add(1))}
    rounds(tmp_path, sites).train()
    link = FunctionLink({})

    def admit(_: object) -> None:
        link.sites = sites

    resumed = Rounds(experiment(), tmp_path, link, admit)
    resumed.train()
    assert evaluated(resumed) == {"a", "b"}


def test_a_refused_handshake_is_recorded_and_the_others_go_on(tmp_path: Path) -> None:
    def refuse(kind: str, content: RecordDict) -> str:
        return "code digest differs: coordinator 12, site 34"

    run = rounds(tmp_path, {"a": site(1, add(1)), "b": site(1, add(1)), "c": refuse})
    run.train()
    assert run.state.refused == {"c": "code digest differs: coordinator 12, site 34"}
    assert set(run.state.cohorts) == {"a", "b"}


def test_too_few_sites_end_with_partial_and_name_the_refusals(tmp_path: Path) -> None:
    def refuse(kind: str, content: RecordDict) -> str:
        return "preprocessing digest differs"

    run = rounds(tmp_path, {"a": site(1, add(1)), "b": refuse})
    with pytest.raises(PartialRun, match=r"1 of 2 sites, waits for b: preprocessing digest"):
        run.train()
    assert not (tmp_path / "checkpoint").exists()


def test_a_round_that_nobody_could_train_does_not_count(tmp_path: Path) -> None:
    run = rounds(tmp_path, {"a": site(0, add(1)), "b": site(0, add(1))})
    with pytest.raises(PartialRun):
        run.train()
    assert run.state.finished_rounds == 0


def test_the_same_command_goes_on_after_a_crash(tmp_path: Path) -> None:
    calls = 0
    steady = site(10, add(1))

    def dies_in_round_2(kind: str, content: RecordDict) -> RecordDict:
        nonlocal calls
        calls += kind == wire.TRAIN
        if calls == 2:
            raise KeyboardInterrupt
        return steady(kind, content)

    whole = rounds(tmp_path / "whole", {"a": steady, "b": site(30, add(2))})
    (tmp_path / "whole").mkdir()
    whole.train()
    (tmp_path / "cut").mkdir()
    with pytest.raises(KeyboardInterrupt):
        rounds(tmp_path / "cut", {"a": dies_in_round_2, "b": site(30, add(2))}).train()
    resumed = rounds(tmp_path / "cut", {"a": steady, "b": site(30, add(2))})
    assert resumed.state.finished_rounds == 1
    resumed.train()
    assert np.array_equal(resumed.weights, whole.weights)
    assert [record.round for record in resumed.state.rounds] == [1, 2, 3]


def test_the_weights_of_the_best_validation_round_are_released(tmp_path: Path) -> None:
    scores = iter([0.6, 0.9, 0.7])

    def worsens(kind: str, content: RecordDict) -> RecordDict:
        return site(1, add(1), next(scores) if kind == wire.EVALUATE else 0.5)(kind, content)

    run = rounds(tmp_path, {"a": worsens, "b": site(1, add(1), 0.8)})
    before = run.weights
    run.train()
    assert run.state.best_round == 2
    assert np.allclose(run.selected(), before + 2, atol=1e-5)
    run.experiment = experiment(select="last")
    assert np.allclose(run.selected(), before + 3, atol=1e-5)


def test_wrong_sums_of_a_site_are_left_out(tmp_path: Path) -> None:
    honest = site(1, add(1))

    def liar(kind: str, content: RecordDict) -> RecordDict:
        if kind != wire.EVALUATE:
            return honest(kind, content)
        sums = collect([0, 1], [0.1, 0.9], [LEVEL, LEVEL], edges=(0.25, 0.7))
        return RecordDict({wire.ANSWER: ConfigRecord({wire.SUMS: sums.to_json()})})

    run = rounds(tmp_path, {"a": honest, "b": liar})
    run.train()
    assert evaluated(run) == {"a"}


def test_a_checkpoint_of_another_experiment_is_not_taken(tmp_path: Path) -> None:
    sites = {"a": site(1, add(1)), "b": site(1, add(1))}
    rounds(tmp_path, sites).train()
    with pytest.raises(DataError, match="another experiment"):
        rounds(tmp_path, sites, experiment(rounds=4))
