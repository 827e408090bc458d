"""The coordinator's commands: what they refuse before they write, and what they print."""

import json
import socket
from pathlib import Path

import pytest
from fedcmr_server.cli import app
from fedcmr_server.status import Status
from typer.testing import CliRunner

from fedcmr.errors import ConfigurationError, FedcmrError, NetworkError, UsageError


def call(*words: object) -> str:
    """Run a command and return what it printed; its errors are raised."""
    result = CliRunner().invoke(app, [*map(str, words)], env={"COLUMNS": "80"})
    if isinstance(result.exception, Exception):
        raise result.exception
    return result.stdout


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        (("--host", "a", "--listen", "0.0.0.0:99999"), ConfigurationError, "listen: .* 65535"),
        (("--host", "münchen.example"), UsageError, "--host: .*xn--mnchen-3ya.example"),
        (("--host", ""), UsageError, "--host: "),
    ],
)
def test_init_refuses_before_it_writes(
    tmp_path: Path, options: tuple[str, ...], error: type[FedcmrError], words: str
) -> None:
    with pytest.raises(error, match=words):
        call("init", tmp_path / "server", *options)
    assert list(tmp_path.iterdir()) == []


def test_names_are_no_markup(tmp_path: Path) -> None:
    folder = tmp_path / "[red]server"
    printed = call("init", folder, "--host", "127.0.0.1")
    assert f"coordinator is in {folder}\n" in printed
    run = folder / "runs" / "scar-1"
    run.mkdir()
    status = Status(
        experiment="scar",
        phase="stopped",
        round=1,
        rounds=2,
        sites={"one": "[/b]", "two": "refused: " + "code digest differs " * 9},
        updated="2026-01-02T03:04:05+00:00",
        message="[/]\x1b[2J",
    )
    (run / "status.json").write_text(status.model_dump_json())
    printed = call("status", "--state", folder)
    assert "one  [/b]" in printed
    assert "[/] [2J" in printed
    assert all(len(line) <= 80 for line in printed.splitlines())


def test_a_taken_health_port_is_told_before_a_run_starts(tmp_path: Path) -> None:
    call("init", tmp_path / "server", "--host", "127.0.0.1")
    (tmp_path / "scar.yaml").write_text("name: scar\n")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        health = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(NetworkError, match="cannot listen: Address already in use"):
            call("run", tmp_path / "scar.yaml", "--state", tmp_path / "server", "--health", health)
    assert json.loads(call("status", "--state", tmp_path / "server", "--json"))["runs"] == {}
