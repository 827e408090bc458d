"""A federation of real processes on this machine, over TLS on the loopback interface."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from fedcmr.config import Experiment
from fedcmr.errors import CheckFailed
from fedcmr.settings import load_settings

SERVER = "coordinator"
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "FLWR_TELEMETRY_ENABLED": "0",
    "FLWR_DISABLE_UPDATE_CHECK": "1",
}
"""Of every process: many share this machine, and none calls home."""
LOOK_S = 0.05
"""Pause between two looks at a log or a process."""
PATIENCE_S = 900.0
"""Longest wait for one event of a drill; machines that run drills may be busy."""


def script(name: str) -> str:
    """Return the path of a command of this installation."""
    return str(Path(sys.executable).parent / name)


def free_port() -> int:
    """Return a TCP port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def call(*command: object, code: int = 0, patience_s: float = PATIENCE_S) -> str:
    """Run a command of this installation to its end and return what it printed.

    Args:
        command: name and arguments.
        code: with which it must end.
        patience_s: longest wait for its end.

    Raises:
        CheckFailed: it ended with another exit code than `code`; its last line is in the message.
    """
    name, *arguments = (str(part) for part in command)
    done = subprocess.run(
        [script(name), *arguments], capture_output=True, text=True, check=False, timeout=patience_s
    )
    if done.returncode != code:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise CheckFailed(f"`{name} {arguments[0]}` ended with {done.returncode}: {last}")
    return done.stdout + done.stderr


def until(condition: Callable[[], bool], what: str, *, patience_s: float = PATIENCE_S) -> None:
    """Wait for a condition.

    Raises:
        CheckFailed: it did not come true in time.
    """
    deadline = time.monotonic() + patience_s
    while not condition():
        if time.monotonic() > deadline:
            raise CheckFailed(f"{what}: not within {patience_s:g} s")
        time.sleep(LOOK_S)


class Federation:
    """A coordinator and its sites in one folder; every process appends to `<name>.log` there."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.port = free_port()
        self.server = path / SERVER
        address = f"127.0.0.1:{self.port}"
        call("fedcmr-server", "init", self.server, "--host", "127.0.0.1", "--listen", address)

    @property
    def public_key(self) -> Path:
        """Verifies the releases."""
        return self.server / "signing" / "release.pub"

    def site(self, name: str) -> Path:
        """Return a site's folder."""
        return self.path / name

    def add(self, name: str, *, server: str | None = None, enrol: bool = True) -> Path:
        """Make a site that accepts every experiment, and enrol it; its data set is still missing.

        Args:
            name: of the site.
            server: host:port instead of the coordinator's own, such as a proxy before it.
            enrol: admit it at the coordinator.
        """
        folder, ca = self.site(name), self.server / "pki" / "ca.pem"
        address = server or f"127.0.0.1:{self.port}"
        call("fedcmr-client", "init", folder, "--name", name, "--server", address, "--ca", ca)
        with (folder / "site.yaml").open("a", encoding="utf-8") as settings:
            settings.write("policy: {approval: auto}\n")
        if enrol:
            key = folder / "site_key.pub"
            call("fedcmr-server", "enrol", "--state", self.server, name, key)
        return folder

    def write(self, settings: Mapping[str, Any]) -> Path:
        """Write an experiment under its name."""
        experiment = Experiment.model_validate(settings)
        path = self.path / f"{experiment.name}.yaml"
        path.write_text(yaml.safe_dump(dict(settings)), encoding="utf-8")
        return path

    def client(self, name: str, *options: str, module: str | None = None) -> "Process":
        """Start a site's client; `module` is run with Python instead of `fedcmr-client start`."""
        start = [script("fedcmr-client"), "start"]
        program = start if module is None else [sys.executable, "-m", module]
        command = [*program, "--site", str(self.site(name)), "--wait", "--threads", "1", *options]
        return Process(command, self.path / f"{name}.log")

    def serve(self, experiment: Path, *options: str) -> "Process":
        """Start the coordinator."""
        command = [script("fedcmr-server"), "run", str(experiment), "--state", str(self.server)]
        return Process([*command, *options], self.path / f"{SERVER}.log")

    @contextmanager
    def clients(self, names: Sequence[str]) -> Iterator[dict[str, "Process"]]:
        """Run the sites' clients while the context is open; a caller may replace any of them."""
        running: dict[str, Process] = {}
        try:
            for name in names:
                running[name] = self.client(name)
            yield running
        finally:
            for process in running.values():
                process.stop()

    @contextmanager
    def serving(self, experiment: Path, *options: str) -> Iterator["Process"]:
        """Serve the experiment while the context is open."""
        process = self.serve(experiment, *options)
        try:
            yield process
        finally:
            process.stop()

    def run(self, experiment: Path, *options: str, code: int = 0) -> str:
        """Serve the experiment to its end; return what the coordinator printed.

        Raises:
            CheckFailed: it ended with another exit code than `code`.
        """
        with self.serving(experiment, *options) as process:
            process.ends_with(code)
            return process.output()

    def log(self, name: str = SERVER) -> str:
        """Return what the processes of a site, or of the coordinator, have printed."""
        return (self.path / f"{name}.log").read_text(encoding="utf-8")

    def release(self, experiment: Path) -> Path:
        """Return the folder of an experiment's release."""
        settings = load_settings(experiment, Experiment)
        return self.run_folder(settings) / "release"

    def run_folder(self, experiment: Experiment) -> Path:
        """Return the coordinator's folder of a run."""
        return self.server / "runs" / f"{experiment.name}-{experiment.digest()[:8]}"


class Process:
    """One running process with its log."""

    def __init__(self, command: Sequence[str], log: Path) -> None:
        self._log = log
        self._start = log.stat().st_size if log.exists() else 0
        self._name = log.stem
        with log.open("a", encoding="utf-8") as file:
            self._process = subprocess.Popen(
                command, stdout=file, stderr=file, env=os.environ | ENVIRONMENT
            )

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid

    def code(self) -> int | None:
        """The exit code; None while it runs, minus the signal after a kill."""
        return self._process.poll()

    def output(self) -> str:
        """Return what this process has printed so far."""
        with self._log.open("rb") as file:
            file.seek(self._start)
            return file.read().decode("utf-8", "replace")

    def says(self, text: str, *, patience_s: float = PATIENCE_S) -> str:
        """Wait until the process has printed a text; return all that it printed.

        Raises:
            CheckFailed: it ended, or time did, without it.
        """
        until(
            lambda: text in self.output() or self.code() is not None,
            f"{self._name} says {text!r}",
            patience_s=patience_s,
        )
        found = self.output()
        if text not in found:
            raise CheckFailed(f"{self._name} ended with {self.code()} without {text!r}: {found}")
        return found

    def ends_with(self, code: int, *, patience_s: float = PATIENCE_S) -> None:
        """Wait for the end of the process.

        Raises:
            CheckFailed: it ended with another code, or not at all.
        """
        until(lambda: self.code() is not None, f"{self._name} ends", patience_s=patience_s)
        if self.code() != code:
            last = (self.output().strip().splitlines() or ["no message"])[-1]
            raise CheckFailed(f"{self._name} ended with {self.code()}, not {code}: {last}")

    def kill(self) -> None:
        """End it without giving it a chance to say anything."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        """Ask it to end, and wait until it has; one that does not listen is killed."""
        self._process.terminate()
        try:
            self._process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self.kill()
