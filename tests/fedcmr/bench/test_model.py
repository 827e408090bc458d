from importlib.util import find_spec

import pytest

from fedcmr.bench import model
from fedcmr.bench.model import bench_model


@pytest.mark.skipif(find_spec("tensorflow") is not None, reason="TensorFlow is installed")
def test_both_layouts_against_ours_and_the_largest_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model, "STUDIES", {"true_4d": 1})
    figures = {figure.name: figure for figure in bench_model(size=16, repeats=1, threads=1)}
    for which in ("forward", "step"):
        naive, keras = (figures[f"model.true_4d.{which}.{form}"] for form in ("naive", "keras"))
        assert naive.value is not None
        assert naive.value > 0
        assert keras.verdict == "not run"
        assert keras.detail == "TensorFlow is not installed"
    assert figures["model.true_4d.step.naive"].bar == ">= 1.6"
    for name in ("st_ran.true_4d", "mvo_r2plus1d_bert.slices_as_channels"):
        costs = figures[f"model.costs.{name}"]
        assert costs.value is not None
        assert 20 < costs.value <= 100
        assert costs.detail.count(" %") == 3
        assert "convolution" in costs.detail
