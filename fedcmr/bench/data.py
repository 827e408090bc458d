"""What data cost: ingest of each kind of export, CPU time of a training epoch, seconds to the first
batch, memory.
"""

import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, get_args

import torch
from torch import Tensor

from fedcmr.bench.figure import Figure
from fedcmr.bench.ingest import KEY, SiteExport, bench_cores, bench_ingest
from fedcmr.bench.memory import bench_memory
from fedcmr.bench.studies import write_studies
from fedcmr.config import Experiment
from fedcmr.data.samples import Samples
from fedcmr.data.store import Dataset, open_dataset
from fedcmr.ingest.export import ingest_export
from fedcmr.models.registry import build
from fedcmr.phantom.sites import SITES, Layout, SiteProfile
from fedcmr.phantom.write import write_site
from fedcmr.tasks.registry import task
from fedcmr.training.device import visible_devices
from fedcmr.training.trainer import Trainer, shuffled
from fedcmr.training.world import World

MOST_PERCENT = 3.0
"""Of an epoch's CPU time that may go into data."""
FIRST_BATCH_S = 1.0
EPOCH_STUDIES = 1
INGESTED, TRAINED = (24, 120), (100, 400)
"""Studies whose peaks of memory are compared."""


def bench_data(
    scar: Experiment, mvo: Experiment, *, patients: int, studies: int, repeats: int
) -> Iterator[Figure]:
    """Measure all of it on phantoms.

    Args:
        scar: experiment of whole studies.
        mvo: experiment of slices with masks.
        patients: of each kind of export of each site.
        studies: of the data set whose first batch is timed.
        repeats: timed turns.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        masked: list[SiteExport] = []
        for layout in get_args(Layout):
            sites = [site for site in map(partial(_only, layout), SITES.values()) if site.exports]
            exports = [_export(folder / layout, site, patients) for site in sites]
            classic = [SiteExport(export.dicom) for export in exports]
            yield from bench_ingest(classic, scar.preprocessing, repeats, layout)
            masked += exports
        yield from bench_ingest(masked, mvo.preprocessing, repeats, "mvo")
        yield from bench_cores(folder, scar.preprocessing, repeats)
        yield from bench_epoch(scar, _dataset(folder / "scar", masked[0], scar), EPOCH_STUDIES)
        yield from bench_epoch(mvo, _dataset(folder / "mvo", masked[0], mvo), EPOCH_STUDIES)
    yield from bench_first_batch(scar, studies, repeats)
    yield from bench_memory(INGESTED, TRAINED)


def _export(folder: Path, site: SiteProfile, patients: int) -> SiteExport:
    out = folder / site.name
    write_site(out, site=site, patients=patients, seed=0)
    return SiteExport(out / "dicom", out / "masks")


def _only(layout: Layout, site: SiteProfile) -> SiteProfile:
    """Return a site with its exports of one layout, each with the same share."""
    kept = [export for export in site.exports if export.layout == layout]
    return replace(site, exports=tuple(replace(export, share=1 / len(kept)) for export in kept))


def _dataset(out: Path, export: SiteExport, experiment: Experiment) -> Dataset:
    ingest_export(
        dicom=export.dicom,
        labels=export.dicom.parent / "labels.csv",
        masks=export.masks if experiment.preprocessing.per_slice else None,
        out=out,
        preprocessing=experiment.preprocessing,
        key=KEY,
        workers=1,
    )
    return open_dataset(out)


class _Timed(Trainer):
    """The trainer, with a clock on reading, cutting, turning and scaling its samples."""

    data_s = 0.0

    def _inputs(self, samples: Samples, indices: Tensor, draws: Any) -> tuple[Tensor, Tensor]:
        started = time.process_time()
        found = super()._inputs(samples, indices, draws)
        self.data_s += time.process_time() - started
        return found


def bench_epoch(experiment: Experiment, dataset: Dataset, studies: int) -> Iterator[Figure]:
    """Train an epoch on some studies of a data set, after an untimed one.

    Args:
        experiment: network, augmentation, batch sizes.
        dataset: made with the preprocessing of the experiment.
        studies: of it.
    """
    of_task, world = task(experiment.task), World(visible_devices()[0])
    records = of_task.labelled(dataset.records)[:studies]
    some = replace(dataset, records=tuple(replace(each, split="train") for each in records))
    model = build(experiment.model, experiment.preprocessing).to(world.device)
    samples = Samples(some, "train", of_task.labels, world.device)
    trainer = _Timed(model, of_task, experiment.training, world)
    trainer.epoch(samples)
    trainer.data_s, started = 0.0, time.process_time()
    trainer.epoch(samples)
    whole = time.process_time() - started
    yield Figure(
        f"data.epoch.{experiment.name}",
        f"{experiment.name}: data's part of the CPU time of a training epoch, {len(samples)} "
        f"{experiment.preprocessing.samples}",
        100 * trainer.data_s / whole,
        "%",
        at_most=MOST_PERCENT,
        detail=f"{trainer.data_s:.3f} s / {whole:.1f} s",
    )


def bench_first_batch(experiment: Experiment, studies: int, repeats: int) -> Iterator[Figure]:
    """Time from opening a data set to its first batch on the device; imports are left out."""
    of_task, device = task(experiment.task), visible_devices()[0]
    times = []
    with tempfile.TemporaryDirectory() as folder:
        write_studies(Path(folder) / "set", studies, experiment.preprocessing)
        for _ in range(repeats):
            started = time.perf_counter()
            samples = Samples(open_dataset(Path(folder) / "set"), "train", of_task.labels, device)
            order, _ = shuffled(len(samples), seed=0, step=0)
            of_task.input(samples.cines(order[: experiment.training.micro_batch]))
            if device.type == "cuda":
                torch.cuda.synchronize()
            times.append(time.perf_counter() - started)
    yield Figure(
        "data.first_batch",
        f"from opening a data set of {studies} studies to the first batch on the device, imports "
        "left out",
        statistics.median(times),
        "s",
        at_most=FIRST_BATCH_S,
        detail=f"median of {repeats}, from {min(times):.2f} to {max(times):.2f} s",
    )
