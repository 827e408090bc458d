"""A federation on this machine: phantom exports, sites, coordinator, each a process of its own."""

import hashlib
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml
from rich.console import Console

from fedcmr.cli.shipped import shipped_experiment
from fedcmr.config import Experiment
from fedcmr.drill.federation import call, script
from fedcmr.errors import CheckFailed, ConfigurationError
from fedcmr.settings import load_settings

MARKER = ".fedcmr-demo"
"""Tells a folder that the demo may delete from one that it may not."""

PROFILES = ("ge", "siemens", "philips")
PATIENTS = 80
"""Per site."""


LONGEST_STEP_S = 3600.0


class Demonstration:
    """One demonstration in one folder."""

    def __init__(self, out: Path, seed: int, sites: int, console: Console) -> None:
        self.out = out
        self.seed = seed
        self.names = [
            PROFILES[i % len(PROFILES)] + (f"-{i // len(PROFILES) + 1}" if i >= 3 else "")
            for i in range(sites)
        ]
        self.console = console
        self.start = time.monotonic()

    @property
    def server(self) -> Path:
        """The coordinator's folder."""
        return self.out / "coordinator"

    def site(self, name: str) -> Path:
        """Return a site's folder."""
        return self.out / "sites" / name

    def say(self, line: str) -> None:
        """Print a step with the seconds since the start."""
        self.console.print(f"[{time.monotonic() - self.start:5.0f} s] {line}", markup=False)

    def make_folder(self) -> None:
        """Make the folder, replacing an earlier demo.

        Raises:
            ConfigurationError: there is something else.
        """
        if self.out.exists() and any(self.out.iterdir()):
            if not (self.out / MARKER).exists():
                raise ConfigurationError(
                    "the folder is not empty and no demo", where=str(self.out), fix="give --out"
                )
            shutil.rmtree(self.out)
        self.out.mkdir(parents=True, exist_ok=True)
        (self.out / MARKER).touch()

    def write_experiment(self, shipped: str) -> Path:
        """Write a shipped experiment with this seed and number of sites."""
        settings = load_settings(shipped_experiment(shipped), Experiment)
        data = settings.model_dump(mode="json")
        data["training"]["seed"] = self.seed
        path = self.out / "experiment.yaml"
        path.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
        return path

    def set_up(self, experiment: Path, port: int) -> None:
        """Make the coordinator and the sites, enrol them, write and ingest their exports."""
        address = f"127.0.0.1:{port}"
        call("fedcmr-server", "init", self.server, "--host", "127.0.0.1", "--listen", address)
        for name in self.names:
            self._set_up_site(name, address)
        self.say(f"{len(self.names)} sites hold {PATIENTS} phantoms each: synthetic, no patients")
        with ThreadPoolExecutor(2) as pool:
            jobs = [
                pool.submit(self._export, index, name, experiment)
                for index, name in enumerate(self.names)
            ]
            for job in jobs:
                job.result()

    def _set_up_site(self, name: str, address: str) -> None:
        folder = self.site(name)
        ca = self.server / "pki" / "ca.pem"
        call("fedcmr-client", "init", folder, "--name", name, "--server", address, "--ca", ca)
        # A random key would split the patients anew in every demo. These are no patients.
        key = hashlib.sha256(f"phantom {self.seed} {name}".encode()).hexdigest()
        (folder / "pseudonym.key").write_text(key + "\n", encoding="utf-8")
        public = folder / "site_key.pub"
        call("fedcmr-server", "enrol", "--state", self.server, name, public)

    def _export(self, index: int, name: str, experiment: Path) -> None:
        export, seed = self.out / "exports" / name, str(1000 * self.seed + index)
        profile = PROFILES[index % len(PROFILES)]
        call(
            "fedcmr",
            "phantom",
            export,
            "--site",
            profile,
            "--patients",
            PATIENTS,
            "--seed",
            seed,
            "--workers",
            1,
            patience_s=LONGEST_STEP_S,
        )
        folder = self.site(name)
        per_slice = load_settings(experiment, Experiment).preprocessing.per_slice
        masks = ("--masks", export / "masks") if per_slice else ()
        call(
            "fedcmr-client",
            "ingest",
            "--site",
            folder,
            "--dicom",
            export / "dicom",
            "--labels",
            export / "labels.csv",
            *masks,
            "--out",
            folder / "dataset",
            "--experiment",
            experiment,
            "--workers",
            1,
            patience_s=LONGEST_STEP_S,
        )
        self.say(f"{name}: export ingested")

    def federate(self, experiment: Path, *options: str, code: int = 0) -> "Federated":
        """Run coordinator and sites as processes until the release is written.

        Args:
            experiment: YAML file.
            options: more of `fedcmr-server run`.
            code: with which the coordinator is to end.

        Raises:
            CheckFailed: it ended in another way; its last line is in the message.
        """
        digest = load_settings(experiment, Experiment).digest()
        for name in self.names:
            call("fedcmr-client", "approve", digest, "--site", self.site(name))
        self.say(f"every site approved the experiment {digest[:12]}")
        command = [script("fedcmr-server"), "run", str(experiment), "--state", str(self.server)]
        with (
            self._clients() as clients,
            subprocess.Popen(
                [*command, "--json", *options],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            ) as process,
        ):
            assert process.stderr is not None
            assert process.stdout is not None
            line = "no message"
            for line in process.stderr:
                _, _, event = line.partition(" INFO ")
                if event.startswith("round "):
                    self.say(event.strip())
            answer = process.stdout.read()
            ended = {name: found for name, client in clients.items() if (found := client.poll())}
        if process.returncode != code or not answer:
            raise CheckFailed(f"the coordinator ended with {process.returncode}: {line.strip()}")
        return Federated(Path(json.loads(answer)["release"]), ended)

    @contextmanager
    def _clients(self) -> Iterator[dict[str, "subprocess.Popen[bytes]"]]:
        processes = {}
        for name in self.names:
            command = [script("fedcmr-client"), "start", "--site", str(self.site(name)), "--wait"]
            with (self.site(name) / "client.log").open("a") as log:
                processes[name] = subprocess.Popen(
                    [*command, "--threads", "1"], stdout=log, stderr=log
                )
        try:
            yield processes
        finally:
            for process in processes.values():
                process.terminate()
            for process in processes.values():
                process.wait()


@dataclass(frozen=True)
class Federated:
    """A finished run."""

    release: Path
    ended: dict[str, int]
    """Sites whose client ended by itself, with its exit code."""
