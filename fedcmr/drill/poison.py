"""One hostile site among five, with defences off and on."""

import csv
import hashlib
import re
import shutil
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from sklearn.metrics import roc_auc_score

from fedcmr.data.store import open_dataset
from fedcmr.drill.federation import Federation, call
from fedcmr.drill.noise import SMALL, noise_dataset
from fedcmr.drill.process import Process, until
from fedcmr.release.open import open_release
from fedcmr.tasks.registry import task
from fedcmr.training.scoring import score
from fedcmr.types import Split

Attack = Literal["none", "sign_flip", "scaling", "noise", "label_flip", "nan"]
Data = Literal["phantom", "noise"]
"""noise: a pattern that every network finds at once, for a look at the machinery."""
ATTACKS: tuple[Attack, ...] = ("none", "sign_flip", "scaling", "noise", "label_flip", "nan")

SITES = {
    "ge": "ge",
    "siemens": "siemens",
    "philips": "philips",
    "ge-2": "ge",
    "siemens-2": "siemens",
}
"""Site to the profile of its phantoms."""
HOSTILE = "siemens-2"
PATIENTS = 40
ROUNDS: dict[Data, int] = {"phantom": 6, "noise": 3}
DEFENCES: dict[str, dict[str, Any]] = {
    "off": {"strategy": "fedavg", "quorum": 4},
    "on": {"strategy": "multi_krum", "byzantine": 1, "norm_band": 3.0, "quorum": 5},
}
LEARNED = 0.7
"""AUC without an attack: where nothing was learnt no attack costs anything."""
ALLOWED_LOSS = 0.03
"""Of AUC against the clean run, with defences on."""
LEFT_OUT = re.compile(r"round (\d+)(?: without ([\w-]+)|: \w+ left out ([\w-]+))")
"""What the coordinator says of an update that it did not merge."""


@dataclass(frozen=True)
class Outcome:
    """A run with or without a hostile site."""

    attack: Attack
    defences: str
    auc: float | None
    """Of the release on the validation and test cases of the honest sites; None without one."""
    named: tuple[str, ...]
    """Whose updates were left out in more than half of the rounds."""
    seconds: float

    def passed(self, clean: float) -> bool:
        """Whether the defences held, where they were on; `clean` is the AUC without attack.

        Without an attack: whether there was anything to lose.
        """
        if self.attack == "none":
            return self.auc is not None and self.auc >= LEARNED
        if self.defences == "off":
            return True
        return self.auc is not None and clean - self.auc <= ALLOWED_LOSS and HOSTILE in self.named


class PoisonDrill:
    """Five sites with phantoms in one folder; only the hostile one changes from run to run."""

    def __init__(self, folder: Path, data: Data) -> None:
        self._federation = Federation(folder)
        self._data = data
        self._experiment = self._write("clean", "off")

    def prepare(self) -> None:
        """Make the sites with their data sets, and the hostile one's with flipped labels."""
        ingest = self._ingest if self._data == "phantom" else self._make_noise
        for name in SITES:
            folder = self._federation.add(name)
            # A random key would split the patients anew each time. These are no patients.
            key = hashlib.sha256(f"phantom {name}".encode()).hexdigest()
            (folder / "pseudonym.key").write_text(key + "\n", encoding="utf-8")
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(ingest, range(len(SITES)), SITES))

    def run(
        self,
        attacks: Sequence[Attack],
        tell: Callable[[str], None],
        *,
        defences: Sequence[str] = ("off", "on"),
    ) -> list[Outcome]:
        """Run each attack with each state of the defences.

        Raises:
            CheckFailed: a process did not do what it was started for.
        """
        found = []
        with self._federation.clients([name for name in SITES if name != HOSTILE]):
            for attack in attacks:
                client = self._hostile(attack)
                try:
                    for state in defences:
                        found.append(self._outcome(attack, state))
                        tell(line(found[-1]))
                finally:
                    client.stop()
        return found

    def _outcome(self, attack: Attack, defences: str) -> Outcome:
        started = time.monotonic()
        experiment = self._write(attack, defences)
        with self._federation.serving(experiment) as server:
            until(lambda: server.code() is not None, f"{attack} with defences {defences} ends")
            printed = server.output()
        seen: Counter[str] = Counter()
        for _, set_aside, unused in set(LEFT_OUT.findall(printed)):
            seen[set_aside or unused] += 1
        most = ROUNDS[self._data] / 2
        return Outcome(
            attack=attack,
            defences=defences,
            auc=self._auc(experiment),
            named=tuple(sorted(name for name, rounds in seen.items() if rounds > most)),
            seconds=round(time.monotonic() - started, 1),
        )

    def _hostile(self, attack: Attack) -> Process:
        if attack == "none":
            return self._federation.client(HOSTILE)
        if attack == "label_flip":
            flipped = self._federation.site(HOSTILE) / "flipped"
            return self._federation.client(HOSTILE, "--dataset", str(flipped))
        return self._federation.client(
            HOSTILE, "--attack", attack, module="fedcmr_client.drill_site"
        )

    def _auc(self, experiment: Path) -> float | None:
        """Score the release here, on data that no site could falsify; None without a release."""
        folder = self._federation.release(experiment)
        if not folder.exists():
            return None
        release = open_release(folder)
        asked = task(release.experiment.task)
        labels, scores = [], []
        for name in SITES:
            if name == HOSTILE:
                continue
            dataset = open_dataset(self._federation.site(name) / "dataset")
            for split in ("validation", "test"):
                found = score(release.model, asked, dataset, split, device=torch.device("cpu"))
                labels.append(found.labels)
                scores.append(found.scores)
        return float(roc_auc_score(np.concatenate(labels), np.concatenate(scores)))

    def _ingest(self, number: int, name: str) -> None:
        folder = self._federation.site(name)
        export = folder / "export"
        call(
            *("fedcmr", "phantom", export, "--site", SITES[name], "--patients", PATIENTS),
            *("--seed", 10 + number, "--workers", 1),
        )
        labels = {"dataset": export / "labels.csv"}
        if name == HOSTILE:
            labels["flipped"] = flip_labels(export / "labels.csv", export / "flipped.csv")
        for out, file in labels.items():
            call(
                *("fedcmr-client", "ingest", "--site", folder, "--dicom", export / "dicom"),
                *("--labels", file, "--out", folder / out, "--experiment", self._experiment),
                *("--workers", 1),
            )
        shutil.rmtree(export)

    def _make_noise(self, number: int, name: str) -> None:
        splits: dict[Split, int] = {"train": 16, "validation": 8, "test": 8}
        for folder in ("dataset", "flipped"):
            noise_dataset(
                self._federation.site(name) / folder,
                name,
                splits=splits,
                seed=number,
                preprocessing=SMALL,
                flipped=folder == "flipped",
            )

    def _write(self, attack: str, defences: str) -> Path:
        size = {"slices": 10, "phases": 10, "spacing_mm": 2.5, "size": 32}
        return self._federation.write(
            {
                "name": f"{attack.replace('_', '-')}-{defences}",
                "model": {"name": "t_cnn"},
                "preprocessing": size if self._data == "phantom" else SMALL.model_dump(),
                "training": {
                    "learning_rate": 3e-4,
                    "batch_size": 4,
                    "micro_batch": 4,
                    "local_epochs": 4,
                },
                "federation": {
                    "rounds": ROUNDS[self._data],
                    "site_wait_s": 90,
                    "round_deadline_s": 180,
                    "select": "last",
                    **DEFENCES[defences],
                },
                "evaluation": {"min_class_count": 1},
            }
        )


def flip_labels(source: Path, target: Path) -> Path:
    """Write a label file with every scar turned around; return its path."""
    with source.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(row | {"scar": {"0": "1", "1": "0"}.get(row["scar"], "")} for row in rows)
    return target


def line(outcome: Outcome) -> str:
    """Return a run in words."""
    area = "no release" if outcome.auc is None else f"AUC {outcome.auc:.3f}"
    named = f"left out: {', '.join(outcome.named)}" if outcome.named else "nobody left out"
    return (
        f"{outcome.attack}, defences {outcome.defences}: {area}, {named}, {outcome.seconds:.0f} s"
    )
