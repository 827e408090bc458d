"""What every `fedcmr bench` prints: its figures, and the machine that they hold for."""

import os
import platform
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Self

from fedcmr.bench.figure import Figure

PACKAGES = ("fedcmr", "torch", "numpy", "pydicom", "flwr", "opacus", "tensorflow-cpu", "nvflare")
"""Whose versions are told, where installed."""


@dataclass(frozen=True)
class Machine:
    """Where and when a bench began."""

    date: str
    """UTC."""
    processor: str
    cores: int
    """That this process may use."""
    gpu: str
    """Name, or "none"."""
    load: float
    """Processes that wanted a core in the minute before."""
    versions: dict[str, str]

    @classmethod
    def here(cls) -> Self:
        """Return this machine, now."""
        import torch

        versions = {"python": platform.python_version()}
        for package in PACKAGES:
            try:
                versions[package] = version(package)
            except PackageNotFoundError:
                continue
        return cls(
            date=time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
            processor=_processor(),
            cores=len(os.sched_getaffinity(0)),
            gpu=torch.cuda.get_device_name() if torch.cuda.is_available() else "none",
            load=round(os.getloadavg()[0], 1),
            versions=versions,
        )


@dataclass(frozen=True)
class Report:
    """Content of `fedcmr bench ... --json`."""

    machine: Machine
    seconds: float
    figures: tuple[Figure, ...]

    @classmethod
    def tell(cls, measure: Callable[[], Iterable[Figure]], told: Callable[[Self], object]) -> None:
        """Measure and tell what was found, also where the bench fails or is ended early."""
        machine, started = Machine.here(), time.monotonic()
        figures: list[Figure] = []
        try:
            for figure in measure():
                figures.append(figure)
        finally:
            told(cls(machine, round(time.monotonic() - started, 1), tuple(figures)))

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self) | {"figures": [figure.to_json() for figure in self.figures]}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        """Return what `to_json` made plain."""
        return cls(
            Machine(**content["machine"]),
            content["seconds"],
            tuple(Figure.from_json(each) for each in content["figures"]),
        )


def _processor() -> str:
    """Return the name of the processor; Linux has it in a file only."""
    table = Path("/proc/cpuinfo")
    lines = table.read_text(encoding="utf-8").splitlines() if table.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())
