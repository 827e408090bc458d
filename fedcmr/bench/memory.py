"""Memory against the number of studies: peaks of fresh processes that do the same for more."""

import tempfile
from collections.abc import Callable, Iterator
from multiprocessing import get_context
from pathlib import Path

import torch

from fedcmr.bench.figure import Figure
from fedcmr.bench.ingest import KEY
from fedcmr.bench.studies import write_copies, write_studies
from fedcmr.config import Preprocessing, TrainingSettings
from fedcmr.data.samples import Samples
from fedcmr.data.store import open_dataset
from fedcmr.ingest.export import ingest_export
from fedcmr.models.registry import build
from fedcmr.network import ModelSettings
from fedcmr.phantom.sites import SITES
from fedcmr.tasks.registry import task
from fedcmr.training.trainer import Trainer
from fedcmr.training.world import World

MOST_SHARE = 0.01
"""Of a study's own size that memory may grow by with each: of 10,000 studies 100."""
TRAINED = Preprocessing(size=48)
"""Small images, that an epoch ends soon."""


def bench_memory(ingested: tuple[int, int], trained: tuple[int, int]) -> Iterator[Figure]:
    """Compare the peaks for two numbers of studies each.

    Args:
        ingested: studies of an export of classic files.
        trained: studies of a data set.
    """
    with tempfile.TemporaryDirectory() as folder:
        few, many = (
            write_copies(Path(folder) / f"export{count}", count, SITES["ge"]) for count in ingested
        )
        study = sum(path.stat().st_size for path in few.rglob("*") if path.is_file())
        peaks = _peak_mb(ingest_all, few), _peak_mb(ingest_all, many)
        yield _figure("ingest", ingested, peaks, study / ingested[0] / 1e6)
        sets = [Path(folder) / f"set{count}" for count in trained]
        for path, count in zip(sets, trained, strict=True):
            write_studies(path, count, TRAINED)
        study = 2 * TRAINED.slices * TRAINED.phases * TRAINED.size**2
        peaks = _peak_mb(train_on_all, sets[0]), _peak_mb(train_on_all, sets[1])
        yield _figure("training", trained, peaks, study / 1e6)


def ingest_all(dicom: Path) -> None:
    """Ingest an export in this process."""
    with tempfile.TemporaryDirectory() as folder:
        ingest_export(
            dicom=dicom,
            labels=None,
            out=Path(folder) / "set",
            preprocessing=Preprocessing(),
            key=KEY,
            workers=1,
        )


def train_on_all(path: Path) -> None:
    """Train a small network for an epoch on a data set."""
    torch.set_num_threads(1)
    dataset = open_dataset(path)
    settings = TrainingSettings(batch_size=8, micro_batch=1)
    model = build(ModelSettings(name="s_cnn"), dataset.manifest.preprocessing)
    world = World(torch.device("cpu"))
    samples = Samples(dataset, "train", task("scar").labels, world.device)
    Trainer(model, task("scar"), settings, world).epoch(samples)


def _figure(
    step: str, counts: tuple[int, int], peaks: tuple[float, float], study_mb: float
) -> Figure:
    growth = max(0.0, (peaks[1] - peaks[0]) / (counts[1] - counts[0]))
    return Figure(
        f"data.memory.{step}",
        f"{step}: growth of peak memory with each study, over the study's own "
        f"{study_mb:.1f} MB on disk",
        100 * growth / study_mb,
        "%",
        at_most=100 * MOST_SHARE,
        detail=f"{peaks[0]:.0f} MB for {counts[0]} studies, {peaks[1]:.0f} MB for {counts[1]}; "
        f"{1e3 * growth:.0f} kB a study",
    )


def _peak_mb(work: Callable[[Path], None], path: Path) -> float:
    with get_context("spawn").Pool(1) as pool:
        return pool.apply(measured, (work, path))


def measured(work: Callable[[Path], None], path: Path) -> float:
    """Return the most megabytes that this process has held after the work."""
    work(path)
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    # Linux hands ru_maxrss on from the process that started this one
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024 / 1e6
