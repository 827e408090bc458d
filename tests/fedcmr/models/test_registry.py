from typing import get_args

import pytest

from fedcmr.config import Preprocessing
from fedcmr.errors import ConfigurationError
from fedcmr.models.registry import (
    build,
    entries,
    inference_state,
    register,
)
from fedcmr.network import ModelName, ModelSettings

ONE_SLICE = Preprocessing(slices=1, phases=16, size=32)
TINY_MVO = ModelSettings(name="mvo_r2plus1d_bert", width=0.1)


def test_counts_are_the_published_ones() -> None:
    """MODELS.md sections 1.3 and 2.3."""
    found = {
        row.name: (row.parameters, row.inference_parameters)
        for row in entries()
        if not row.switches
    }
    same = {
        "s_cnn": 902_097,
        "t_cnn": 375_249,
        "st_cnn": 1_384_129,
        "ast_cnn": 1_418_058,
        "st_ran": 1_429_550,
        "stcnn_3d": 440_561,
        "cnn_3d": 46_469_891,
        "cnn_lstm": 330_156,
        "c3d": 63_319_809,
        "i3d": 12_549_921,
        "slowfast": 33_560_521,
        "p3d": 65_676_738,
        "timesformer": 76_540_417,
        "vivit": 41_983_489,
    }
    mvo = {"mvo_r2plus1d_bert": (34_765_727, 34_456_094)}
    assert found == {name: (count, count) for name, count in same.items()} | mvo


def test_the_ablation_of_the_mvo_paper_has_its_published_counts() -> None:
    found = {
        (row.switches.get("bert", True), row.switches.get("cgmr", True)): row.parameters
        for row in entries()
        if row.switches.get("preset") == "published"
    }
    assert found == {
        (False, False): 31_505_325,
        (True, False): 37_862_510,
        (False, True): 37_564_110,
        (True, True): 43_716_095,
    }


def test_a_row_says_why_it_differs() -> None:
    for row in entries():
        assert row.why or row.equal, row.name
        assert row.private


def test_every_name_of_the_settings_is_registered() -> None:
    assert list(dict.fromkeys(row.name for row in entries())) == list(get_args(ModelName))


def test_a_name_is_given_once() -> None:
    with pytest.raises(ValueError, match="'st_ran' is registered already"):
        register("st_ran", task="scar", counts=(), source="-", note="-")(lambda _, __: None)  # type: ignore[arg-type,return-value]  # never built


def test_an_unknown_name_lists_the_known_ones() -> None:
    settings = ModelSettings().model_copy(update={"name": "st_run"})
    with pytest.raises(
        ConfigurationError, match=r"no model named 'st_run'; known: ast_cnn, c3d, cnn_3d"
    ):
        build(settings, Preprocessing())


def test_a_release_carries_no_mask_branch() -> None:
    trained = build(TINY_MVO, ONE_SLICE)
    released = build(TINY_MVO, ONE_SLICE, inference=True)
    state = trained.state_dict()
    kept = inference_state(state)
    assert 0 < len(kept) < len(state)
    assert not any("map_branch" in name for name in released.state_dict())
    released.load_state_dict(kept)


def test_an_mvo_network_refuses_a_stack_of_slices() -> None:
    with pytest.raises(ConfigurationError, match="vivit sees one slice, preprocessing has 10"):
        build(ModelSettings(name="vivit"), Preprocessing())


@pytest.mark.parametrize("name", ["c3d", "p3d", "cnn_lstm"])
def test_a_cine_too_short_to_be_pooled_is_refused(name: str) -> None:
    short = Preprocessing(slices=1, phases=8, size=32)
    with pytest.raises(ConfigurationError, match=rf"{name} needs 1\d phases, preprocessing has 8"):
        build(ModelSettings.model_validate({"name": name}), short)
