"""Rounds of stock Flower, for `fedcmr bench round`: its SuperLink and SuperNodes, over TLS.

No command of a coordinator leads here: `python -m fedcmr_server.bench_flower FOLDER ...`. What is
run is what Flower installs, with a home of its own in an empty folder; its application is
`bench_flower_app`. A line of JSON at the start and after every round.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from fedcmr.cli.run import end_on_sigterm
from fedcmr.errors import CheckFailed
from fedcmr_server import bench_flower_app
from fedcmr_server.pki import issue_server_certificate, make_authority

LOOK_S = 0.1
LIMIT_S = 300.0
"""Of one round, and of the start."""
END_S = 10.0
"""In which all processes may end by themselves."""


def run(
    folder: Annotated[Path, typer.Argument(help="For everything; empty.")],
    sites: Annotated[int, typer.Option(help="SuperNodes.")],
    rounds: Annotated[int, typer.Option(help="Of the strategy.")],
    parameters: Annotated[int, typer.Option(help="Of the weight vector.")],
) -> None:
    """Run the rounds."""
    end_on_sigterm(0)
    make_authority(folder)
    issue_server_certificate(folder, ["127.0.0.1"])
    port, ca, stamps = _free_port(), folder / "ca.pem", folder / "stamps"
    config: dict[str, int | str] = {
        "sites": sites,
        "rounds": rounds,
        "parameters": parameters,
        "stamps": str(stamps),
    }
    _write_app(folder / "app", config)
    _write_home(folder / "home", port, ca)
    tls = {"--ssl-certfile": "server.pem", "--ssl-keyfile": "server.key"}
    link = [word for name, file in tls.items() for word in (name, folder / file)]
    node = ("--superlink", f"127.0.0.1:{port}", "--root-certificates", ca)
    more = ("--port", port, *link, "--ssl-ca-certfile", ca)
    running: list[subprocess.Popen[bytes]] = []
    try:
        running.append(_start(folder, "superlink", "flower-superlink", *more))
        _wait_for(lambda: _is_open(port), running, folder)
        for number in range(sites):
            own = ("--port", _free_port())
            running.append(_start(folder, f"supernode-{number}", "flower-supernode", *node, *own))
        order = _start(folder, "order", "flwr", "run", folder / "app", "bench")
        running.append(order)
        if order.wait(LIMIT_S):
            raise CheckFailed(f"`flwr run` failed: {_last_line(folder, 'order')}")
        running.remove(order)
        for number in range(rounds + 1):
            _wait_for(partial(_has_line, stamps, number), running, folder)
            typer.echo(json.dumps({"time": float(_lines(stamps)[number])}))
    finally:
        _end(running)


def _write_app(folder: Path, config: Mapping[str, int | str]) -> None:
    module = Path(bench_flower_app.__file__)
    folder.mkdir()
    shutil.copy(module, folder)
    settings = "\n".join(f"{name} = {json.dumps(value)}" for name, value in config.items())
    text = f"""
[project]
name = "bench"
version = "1.0.0"
license = "Apache-2.0"
dependencies = ["flwr"]

[tool.flwr.app]
publisher = "fedcmr"

[tool.flwr.app.components]
serverapp = "{module.stem}:server"
clientapp = "{module.stem}:client"

[tool.flwr.app.config]
{settings}
"""
    (folder / "pyproject.toml").write_text(text, "utf-8")


def _write_home(folder: Path, port: int, ca: Path) -> None:
    folder.mkdir()
    text = f'[superlink.bench]\naddress = "127.0.0.1:{port}"\nroot-certificates = "{ca}"\n'
    (folder / "config.toml").write_text(text, "utf-8")


def _start(folder: Path, log: str, program: str, *arguments: object) -> "subprocess.Popen[bytes]":
    """Start a program that Flower installs."""
    programs = Path(sys.executable).parent
    environment = {
        "FLWR_HOME": str(folder / "home"),
        "FLWR_TELEMETRY_ENABLED": "0",
        "FLWR_DISABLE_UPDATE_CHECK": "1",
        "FLWR_DISABLE_RUNTIME_DEPENDENCY_INSTALLATION": "1",
        "OMP_NUM_THREADS": "1",
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
    }
    command = [str(programs / program), *map(str, arguments)]
    with (folder / f"{log}.log").open("wb") as file:
        return subprocess.Popen(command, stdout=file, stderr=file, env=os.environ | environment)


def _end(running: Iterable["subprocess.Popen[bytes]"]) -> None:
    """End all processes, together."""
    for process in running:
        process.terminate()
    until = time.monotonic() + END_S
    for process in running:
        with suppress(subprocess.TimeoutExpired):
            process.wait(max(0.0, until - time.monotonic()))
        process.kill()
        process.wait()


def _wait_for(
    is_there: Callable[[], bool], running: Iterable["subprocess.Popen[bytes]"], folder: Path
) -> None:
    """Wait for a condition.

    Raises:
        CheckFailed: a process has ended, or LIMIT_S have passed.
    """
    until = time.monotonic() + LIMIT_S
    while not is_there():
        ended = [process for process in running if process.poll() is not None]
        if ended or time.monotonic() > until:
            what = "ended" if ended else f"did nothing for {LIMIT_S:.0f} s"
            raise CheckFailed(f"stock Flower {what}: {_last_line(folder, 'superlink')}")
        time.sleep(LOOK_S)


def _last_line(folder: Path, log: str) -> str:
    return " ".join(_lines(folder / f"{log}.log")[-1:])


def _lines(path: Path) -> list[str]:
    return path.read_text("utf-8").splitlines() if path.exists() else []


def _has_line(path: Path, number: int) -> bool:
    return len(_lines(path)) > number


def _is_open(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


app = typer.Typer(pretty_exceptions_enable=False)  # the last line says what it was
app.command()(run)

if __name__ == "__main__":
    app()
