"""Commands as processes of their own that need no seconds of imports.

They are forked from one process that has everything loaded and does nothing else; from there on
they are what the command line starts: the same `main` with the same arguments.
"""

import importlib
import multiprocessing
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import entry_points
from multiprocessing.context import ForkServerProcess
from pathlib import Path

ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "FLWR_TELEMETRY_ENABLED": "0",
    "FLWR_DISABLE_UPDATE_CHECK": "1",
}
"""Of every process: many share this machine, and none calls home."""


def start(program: str, arguments: Sequence[str], log: Path) -> ForkServerProcess:
    """Start a command of this installation, or a module with a `main`; it appends to the log."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["fedcmr.drill.loaded"])
    environment = os.environ | ENVIRONMENT
    process = context.Process(target=_become, args=(program, [*arguments], log, environment))
    process.start()
    return process


def _become(program: str, arguments: list[str], log: Path, environment: Mapping[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)
    with log.open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.argv = [program, *arguments]
    _main(program)()


def _main(program: str) -> Callable[[], object]:
    for command in entry_points(group="console_scripts", name=program):
        main: Callable[[], object] = command.load()
        return main
    main = importlib.import_module(program).main
    return main
