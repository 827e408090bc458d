import pytest

from fedcmr.bench import privacy
from fedcmr.bench.privacy import bench_privacy


def test_every_way_comes_to_the_same_clipped_sum(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(privacy, "_peak_mb", privacy._measured_peak)
    figures = list(bench_privacy(name="t_cnn", size=16, studies=2, repeats=1, threads=1))
    found = {figure.name: figure.value or 0.0 for figure in figures}
    ways = ("one_batch", "per_patient", "hooks", "functorch", "ghost")
    measured = {f"dp.{way}.{what}" for way in ways for what in ("time", "memory")}
    assert set(found) == measured | {f"dp.{way}.error" for way in ways[2:]}
    assert all(0 <= found[f"dp.{way}.error"] < 1e-5 for way in ways[2:]), "of fp32 sums"
    assert all(found[f"dp.{way}.time"] > 0 for way in ways)
    bars = [figure.name for figure in figures if figure.bar]
    assert bars == ["dp.per_patient.time", "dp.per_patient.memory", "dp.hooks.error"]
