from pathlib import Path
from typing import Any

import pytest

from fedcmr.bench import round as bench
from fedcmr.bench.figure import Figure
from fedcmr.bench.fleet import Rounds, Stamp

MODEL = 4 * bench.LARGE


def _fleets(monkeypatch: pytest.MonkeyPatch, **seconds_and_peaks: float) -> dict[str, Any]:
    """Return the figures by name, fleets replaced by what they are said to have cost."""
    told = {"seconds": 1.0, "few": 3.0, "many": 3.0} | seconds_and_peaks

    def run(_: Path, *, parameters: int, sites: int, rounds: int, **more: Any) -> Rounds:
        peak = round(told["few" if sites == bench.SITES else "many"] * MODEL)
        stamps = [
            Stamp(time=told["seconds"] * number, cpu=0, sites_cpu=0, wire=0, bytes=0, peak=peak)
            for number in range(rounds + 2)
        ]
        return Rounds(parameters, sites, tuple(stamps), 1.0, 0.005)

    def compared(seconds: float, *, parameters: int, sites: int, rounds: int) -> list[Figure]:
        assert (parameters, sites) == (bench.SMALL, bench.SITES)
        return [Figure("round.flwr", "of Flower, over ours", 10 / seconds, "x")]

    monkeypatch.setattr(bench, "run_rounds", run)
    monkeypatch.setattr(bench, "rivals", compared)
    return {figure.name: figure for figure in bench.bench_round()}


def test_every_bar_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    figures = _fleets(monkeypatch)
    assert {name: figure.bar for name, figure in figures.items() if figure.bar} == {
        "round.small": "<= 1.5",
        "round.idle": "<= 1",
        "round.large": "<= 4",
        "round.memory": "<= 4",
        "round.memory.many": "<= 4",
        "round.memory.growth": "<= 1.15",
    }
    assert {figure.verdict for figure in figures.values() if figure.bar} == {"met"}
    assert figures["round.flwr"].measured == "10 x"


def test_memory_that_grows_with_the_sites_is_not_flat(monkeypatch: pytest.MonkeyPatch) -> None:
    figures = _fleets(monkeypatch, many=3.6)
    assert figures["round.memory.many"].verdict == "met"
    assert figures["round.memory.growth"].verdict == "not met"
    assert figures["round.memory.growth"].measured == "1.2 x"


def test_a_slow_round_is_not_met(monkeypatch: pytest.MonkeyPatch) -> None:
    figures = _fleets(monkeypatch, seconds=2.0)
    assert (figures["round.small"].verdict, figures["round.large"].verdict) == ("not met", "met")
