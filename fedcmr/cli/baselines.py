"""What a federation is compared with: one model of all data, and one of each site's own."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from fedcmr.cli.demonstration import LONGEST_STEP_S, Demonstration
from fedcmr.config import Experiment
from fedcmr.drill.federation import call
from fedcmr.settings import load_settings

CENTRALISED = "centralised"


def train_baselines(demo: Demonstration, experiment: Path) -> dict[str, Path]:
    """Train each baseline with as many epochs as the federation has; return name to folder.

    The centralised one sees what no federation may: the studies of all sites in one place.
    """
    settings = load_settings(experiment, Experiment)
    epochs = settings.federation.rounds * settings.training.local_epochs
    data = {name: [demo.site(name) / "dataset"] for name in demo.names}
    everything = {CENTRALISED: [path for paths in data.values() for path in paths]}

    def train(name: str, paths: list[Path]) -> Path:
        out = demo.out / "baselines" / name
        chosen = [part for path in paths for part in ("--data", path)]
        limits = ("--epochs", epochs, "--threads", 1)
        command = ("fedcmr", "train", experiment, *chosen, "--out", out, *limits)
        call(*command, patience_s=LONGEST_STEP_S)
        demo.say(f"{name}: trained without federation, {epochs} epochs")
        return out

    with ThreadPoolExecutor(2) as pool:  # the longest first
        jobs = {
            name: pool.submit(train, name, paths) for name, paths in (everything | data).items()
        }
        return {name: job.result() for name, job in jobs.items()}
