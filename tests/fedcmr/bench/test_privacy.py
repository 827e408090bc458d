import pytest

from fedcmr.bench import privacy
from fedcmr.bench.privacy import bench_privacy


def test_every_way_comes_to_the_same_clipped_sum(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(privacy, "_peak_mb", privacy._measured_peak)
    result = bench_privacy(name="t_cnn", size=16, studies=2, repeats=1, threads=1)
    names = ["not private", "per patient", "hooks", "functorch", "ghost"]
    assert [way.name for way in result.ways] == names
    assert all(way.error < 1e-4 for way in result.ways), "of fp32 sums"
    assert all(way.seconds > 0 and way.memory_mb >= 0 for way in result.ways)
    assert result.ways[0].ratio == 1
    assert result.to_json()["ways"][1]["name"] == "per patient"
