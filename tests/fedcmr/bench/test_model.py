import json
from importlib.util import find_spec

import pytest

from fedcmr.bench.model import bench_model


@pytest.mark.skipif(find_spec("tensorflow") is not None, reason="TensorFlow is installed")
def test_forms_of_both_layouts_against_ours() -> None:
    result = bench_model(size=16, studies=1, repeats=1)
    content = json.loads(json.dumps(result.to_json()))
    forms = [(row["layout"], row["form"]) for row in content["timings"]]
    layouts = ("slices_as_channels", "true_4d")
    assert forms == [(layout, form) for layout in layouts for form in ("ours", "naive")]
    for row in content["timings"]:
        assert row["forward_s"] > 0
        assert row["step_s"] > 0
        if row["form"] == "ours":
            assert row["forward_ratio"] == row["step_ratio"] == 1
    assert content["keras"] == "not run: TensorFlow is not installed"
