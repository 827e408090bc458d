"""How time, memory and bytes grow with sites, studies and parameters.

A cost a + b n^e has exponent e once its constant a is taken off: the constant is the measurement
at the smallest n, and e the slope of a straight line, by least squares, through the logarithms of
the increments y_i - y_0 over n_i - n_0. A cost that grows with n in proportion has 1; one whose
increments are below NOISE of its constant does not grow that far, and has 0.
"""

import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import psutil

from fedcmr.bench.figure import Figure
from fedcmr.bench.fleet import TINY, Rounds, run_rounds
from fedcmr.config import EvaluationSettings, Preprocessing
from fedcmr.data.record import StudyRecord
from fedcmr.data.store import finish_dataset, open_dataset
from fedcmr.evaluation.edges import standard_edges
from fedcmr.evaluation.strata import levels
from fedcmr.evaluation.sums import collect
from fedcmr.types import Split

MOST = 1.1
NOISE = 0.15
"""Increments that a busy machine makes of nothing."""

SITES = (2, 4, 8, 16)
STUDIES = (100, 1_000, 10_000)
PARAMETERS = (1_400_000, 14_000_000, 44_000_000, 176_000_000)
TINY_MODEL = 10_000


def exponent(sizes: Sequence[float], costs: Sequence[float]) -> float:
    """Return e of cost = a + b n^e, nan where it grows at one size only; sizes rise."""
    n = np.asarray(sizes[1:], float) - sizes[0]
    y = np.asarray(costs[1:], float) - costs[0]
    if y.max() <= NOISE * costs[0]:
        return 0.0
    grown = y > 0
    if grown.sum() < 2:  # no line through one point, and no bar is met by it
        return float("nan")
    return float(np.polyfit(np.log(n[grown]), np.log(y[grown]), 1)[0])


def bench_scale(
    *,
    sites: Sequence[int] = SITES,
    studies: Sequence[int] = STUDIES,
    parameters: Sequence[int] = PARAMETERS,
    rounds: int = 2,
) -> Iterator[Figure]:
    """Yield the exponents.

    Args:
        sites: sizes of federations of a tiny network, a process for each site.
        studies: sizes of an index of phantoms; there are no images.
        parameters: of the network of a federation of two sites; an axis without sizes is not run.
        rounds: timed, in each federation.
    """
    many = [_fleet(TINY_MODEL, size, rounds) for size in sites]
    if many:
        yield from _exponents("sites", sites, _of_rounds(many))
    yield from _exponents("studies", studies, _of_indices(studies))
    large = [_fleet(size, 2, rounds) for size in parameters]
    if large:
        yield from _exponents("parameters", parameters, _of_rounds(large))


def _fleet(parameters: int, sites: int, rounds: int) -> Rounds:
    with tempfile.TemporaryDirectory() as folder:
        return run_rounds(Path(folder), parameters=parameters, sites=sites, rounds=rounds)


def _of_rounds(runs: Sequence[Rounds]) -> dict[str, list[float]]:
    return {
        "CPU of a round, s": [run.cpu for run in runs],
        "memory of the coordinator, MB": [run.stamps[-1].peak / 1e6 for run in runs],
        "bytes of a round on the wire, MB": [run.wire / 1e6 for run in runs],
    }


def _of_indices(studies: Sequence[int]) -> dict[str, list[float]]:
    with get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        found = pool.map(_index, studies, chunksize=1)
    names = "CPU to open the index, s", "memory of a site, MB", "bytes of its evaluation, MB"
    return {name: [row[i] for row in found] for i, name in enumerate(names)}


def _index(studies: int) -> tuple[float, float, float]:
    """Return CPU seconds to open an index of phantoms, MB of the process, MB of its sums."""
    with tempfile.TemporaryDirectory() as folder:
        records = [_record(number) for number in range(studies)]
        checksums = {record.study: "0" * 64 for record in records}
        path = Path(folder)
        shape = Preprocessing.model_validate(TINY)
        finish_dataset(path, records, checksums, shape, phantom=True, exclusions=())
        del records, checksums
        before = time.process_time()
        dataset = open_dataset(path)
        spent = time.process_time() - before
        told = collect(
            [record.scar or 0 for record in dataset.records],
            np.random.default_rng(0).random(studies).tolist(),
            [levels(record) for record in dataset.records],
            edges=standard_edges(EvaluationSettings()),
        ).to_json()
        return spent, psutil.Process().memory_info().rss / 1e6, len(told) / 1e6


def _record(number: int) -> StudyRecord:
    name = f"{number:032x}"
    splits: tuple[Split, ...] = ("train", "validation", "test")
    return StudyRecord(
        study=name,
        patient=name,
        vendor="GE" if number % 2 else "Siemens",
        field_strength="1.5T",
        model="unknown",
        sex="F" if number % 5 < 2 else "M",
        age_band=f"{10 * (number % 8)}-{10 * (number % 8) + 9}",
        aetiology="unknown",
        scar=number % 2,
        mvo=None,
        split=splits[number % 3],
        slices=10,
        phases=20,
        spacing_mm=1.5,
        slice_distance_mm=8.0,
        rr_ms=800.0,
        flags=(),
    )


def _exponents(
    axis: str, sizes: Sequence[int], costs: Mapping[str, Sequence[float]]
) -> Iterator[Figure]:
    for number, (name, values) in enumerate(costs.items()):
        yield Figure(
            f"scale.{axis}.{('time', 'memory', 'bytes')[number]}",
            f"exponent over {axis}: {name}",
            exponent(sizes, values),
            at_most=MOST,
            detail=", ".join(f"{n:,}: {v:.3g}" for n, v in zip(sizes, values, strict=True)),
        )
