import pytest

from fedcmr.config import ModelSettings, Preprocessing
from fedcmr.errors import ConfigurationError
from fedcmr.models.registry import build, entries, register


def test_entries_show_published_and_own_counts() -> None:
    rows = {row.name: row for row in entries(ModelSettings(), Preprocessing())}
    assert list(rows) == ["s_cnn", "t_cnn", "st_cnn", "ast_cnn", "st_ran"]
    for row in rows.values():
        assert row.published == f"{row.parameters / 1e6:.2f}M"
    assert rows["st_ran"].parameters == 1_429_550


def test_a_name_is_given_once() -> None:
    with pytest.raises(ValueError, match="'st_ran' is registered already"):
        register("st_ran", published="-", source="-", note="-")(lambda _, __: None)  # type: ignore[arg-type,return-value]  # never built


def test_an_unknown_name_lists_the_known_ones() -> None:
    settings = ModelSettings().model_copy(update={"name": "st_run"})
    with pytest.raises(ConfigurationError, match=r"no model named 'st_run'; known: ast_cnn, s_cnn"):
        build(settings, Preprocessing())
