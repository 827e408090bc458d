import pytest
from typer.testing import CliRunner

from fedcmr.bench.model import ModelBench, Timing
from fedcmr.cli.bench import app
from fedcmr.errors import UsageError


def test_the_table_prints_ratios_and_what_was_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    row = Timing("true_4d", "naive", 3.0, 9.0, 1.5, 1.75)
    keras = "not run: TensorFlow is not installed"

    def measured(**asked: int) -> ModelBench:
        return ModelBench(
            "cpu", 1, asked["size"], asked["studies"], asked["repeats"], (row,), keras
        )

    monkeypatch.setattr("fedcmr.bench.model.bench_model", measured)
    arguments = ["model", "--size", "64", "--repeats", "5", "--studies", "2"]
    output = CliRunner().invoke(app, arguments, catch_exceptions=False).stdout
    for words in ("64 x 64", "2 studies", "median of 5", "1.50", "1.75", f"Keras: {keras}"):
        assert words in output


def test_an_odd_size_is_refused() -> None:
    result = CliRunner().invoke(app, ["model", "--size", "50"])
    assert isinstance(result.exception, UsageError)
