import json

import pytest
from typer.testing import CliRunner

from fedcmr.bench.figure import Figure
from fedcmr.cli.bench import app
from fedcmr.errors import UsageError


def test_the_report_has_ratios_and_what_was_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def measured(**asked: int) -> list[Figure]:
        ratio = Figure("naive", f"naive over ours, {asked['size']}", 1.75, "x", at_least=1.6)
        return [ratio, Figure.not_run("keras", "Keras", "TensorFlow is not installed")]

    monkeypatch.setattr("fedcmr.bench.model.bench_model", measured)
    arguments = ["model", "--size", "64", "--json"]
    output = json.loads(CliRunner().invoke(app, arguments, catch_exceptions=False).stdout)
    met, missing = output["figures"]
    assert (met["what"], met["verdict"]) == ("naive over ours, 64", "met")
    assert (missing["value"], missing["verdict"]) == (None, "not run")


@pytest.mark.parametrize("command", ["model", "dp"])
def test_an_odd_size_is_refused(command: str) -> None:
    result = CliRunner().invoke(app, [command, "--size", "50"])
    assert isinstance(result.exception, UsageError)
