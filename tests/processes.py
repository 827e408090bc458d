"""A federation of real processes on loopback, small enough for a test."""

import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from conftest import free_port

from fedcmr.config import Experiment, Preprocessing
from fedcmr.data.record import StudyRecord
from fedcmr.data.store import Dataset, write_dataset

SMALL = Preprocessing(slices=3, phases=4, size=16)


def script(name: str) -> str:
    """Return the path of a command of this installation."""
    return str(Path(sys.executable).parent / name)


def call(*command: object, code: int = 0) -> str:
    """Run a command to its end and return what it printed; it must end with `code`."""
    name, *arguments = (str(part) for part in command)
    done = subprocess.run(
        [script(name), *arguments], capture_output=True, text=True, check=False, timeout=280
    )
    assert done.returncode == code, f"{command} ended with {done.returncode}: {done.stderr}"
    return done.stdout + done.stderr


def read_until(process: "subprocess.Popen[str]", text: str) -> str:
    """Read a process's stderr until a line holds the text; return what was read."""
    assert process.stderr is not None
    lines = []
    for line in process.stderr:
        lines.append(line)
        if text in line:
            return "".join(lines)
    raise AssertionError(f"ended without {text!r}: {''.join(lines)}")


def record(site: str, number: int, scar: int, split: str) -> StudyRecord:
    """A study of a made-up patient."""
    name = f"{site}{number:03d}".encode().hex().ljust(32, "0")
    return StudyRecord(
        study=name,
        patient=name,
        vendor="GE" if number % 2 else "Siemens",
        field_strength="1.5T",
        model="unknown",
        sex="F",
        age_band="50-59",
        aetiology="unknown",
        scar=scar,
        mvo=None,
        split=split,  # type: ignore[arg-type]
        slices=3,
        phases=4,
        spacing_mm=1.5,
        slice_distance_mm=8.0,
        rr_ms=800.0,
        flags=(),
    )


def noise_dataset(
    path: Path, site: str, *, splits: Mapping[str, int], seed: int, preprocessing: Preprocessing
) -> Dataset:
    """Write studies of noise, half of them positive and brighter in the middle."""
    generator = np.random.default_rng(seed)
    records, arrays = [], {}
    for split, count in splits.items():
        for _ in range(count):
            number = len(records)
            item = record(site, number, number % 2, split)
            shape = (
                preprocessing.slices,
                preprocessing.phases,
                preprocessing.size,
                preprocessing.size,
            )
            array = generator.integers(0, 30_000, shape, dtype=np.uint16)
            array[..., 4:12, 4:12] += np.uint16(30_000 * item.scar)
            records.append(item)
            arrays[item.study] = array
    return write_dataset(path, records, arrays, preprocessing, phantom=True)


class Federation:
    """A coordinator and its sites in one folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.port = free_port()
        self.server = path / "server"
        address = f"127.0.0.1:{self.port}"
        call("fedcmr-server", "init", self.server, "--host", "127.0.0.1", "--listen", address)

    @property
    def public_key(self) -> Path:
        """Verifies the release."""
        return self.server / "signing" / "release.pub"

    def site(self, name: str) -> Path:
        """Return a site's folder."""
        return self.path / name

    def add(self, name: str, *, enrol: bool = True) -> Path:
        """Make a site and enrol it; its data set is still missing."""
        folder, ca = self.site(name), self.server / "pki" / "ca.pem"
        address = f"127.0.0.1:{self.port}"
        call("fedcmr-client", "init", folder, "--name", name, "--server", address, "--ca", ca)
        if enrol:
            key = folder / "site_key.pub"
            call("fedcmr-server", "enrol", "--state", self.server, name, key)
        return folder

    def write(self, settings: Mapping[str, Any]) -> Path:
        """Write an experiment."""
        data = {"name": "test", "preprocessing": SMALL.model_dump(), **settings}
        Experiment.model_validate(data)
        path = self.path / "experiment.yaml"
        path.write_text(yaml.safe_dump(data), encoding="utf-8")
        return path

    @contextmanager
    def clients(self, names: Sequence[str]) -> Iterator[dict[str, subprocess.Popen[str]]]:
        """Run the sites' clients while the context is open."""
        running = {name: self.client(name) for name in names}
        try:
            yield running
        finally:
            for process in running.values():
                process.terminate()
            for process in running.values():
                process.wait(timeout=60)

    def client(self, name: str) -> subprocess.Popen[str]:
        """Start a site's client; its log is in `<name>.log`."""
        with (self.path / f"{name}.log").open("a", encoding="utf-8") as log:
            return subprocess.Popen(
                [
                    *(script("fedcmr-client"), "start", "--site", str(self.site(name))),
                    *("--wait", "--threads", "1"),
                ],
                stdout=log,
                stderr=log,
                text=True,
            )

    @contextmanager
    def serving(self, experiment: Path) -> Iterator["subprocess.Popen[str]"]:
        """Serve the experiment in the background; its events are on stderr."""
        command = [script("fedcmr-server"), "run", str(experiment), "--state", str(self.server)]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            try:
                yield process
            finally:
                process.terminate()

    def log(self, name: str) -> str:
        """What a client has printed."""
        return (self.path / f"{name}.log").read_text(encoding="utf-8")

    def run(self, experiment: Path, *, code: int = 0) -> str:
        """Serve the experiment to its end; return what the coordinator printed."""
        return call("fedcmr-server", "run", experiment, "--state", self.server, code=code)

    def release(self) -> Path:
        """Return the only release."""
        [release] = (self.server / "runs").glob("*/release")
        return release
