"""A federation of real processes on this machine, over TLS on the loopback interface."""

import socket
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from fedcmr.config import Experiment
from fedcmr.drill.process import PATIENCE_S, Process
from fedcmr.errors import CheckFailed
from fedcmr.settings import load_settings

SERVER = "coordinator"


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
    with tempfile.TemporaryDirectory(prefix="fedcmr-call-") as folder:
        process = Process(name, arguments, Path(folder) / "log")
        try:
            process.ends_with(code, patience_s=patience_s)
        except CheckFailed as error:
            raise CheckFailed(f"`{name} {arguments[0]}`: {error.what}") from None
        finally:
            process.stop()
        return process.output()


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

    def client(self, name: str, *options: str, module: str | None = None) -> Process:
        """Start a site's client; a `module` runs instead of `fedcmr-client start`."""
        start = ("fedcmr-client", "start") if module is None else (module,)
        settings = ["--site", str(self.site(name)), "--wait", "--threads", "1"]
        log = self.path / f"{name}.log"
        return Process(start[0], [*start[1:], *settings, *options], log)

    def serve(self, experiment: Path, *options: str) -> Process:
        """Start the coordinator."""
        settings = ["run", str(experiment), "--state", str(self.server), *options]
        return Process("fedcmr-server", settings, self.path / f"{SERVER}.log")

    @contextmanager
    def clients(self, names: Sequence[str]) -> Iterator[dict[str, Process]]:
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
    def serving(self, experiment: Path, *options: str) -> Iterator[Process]:
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
