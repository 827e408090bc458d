"""Updates in fp16 and int8 through whole rounds: what is merged, and whose reply does not count."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from fedcmr_server.rounds import Rounds
from flwr.app import Array, ArrayRecord, RecordDict
from function_sites import FunctionLink, Site, experiment, site

from fedcmr.config import UpdatePrecision
from fedcmr.federation import messages as wire
from fedcmr.federation.precision import encode


def sending(
    seed: int,
    precision: UpdatePrecision,
    change: Callable[[ArrayRecord], None] = lambda arrays: None,
) -> Site:
    def move(vector: np.ndarray) -> np.ndarray:
        step = np.random.default_rng(seed).standard_normal(vector.shape, dtype=np.float32)
        return vector + step

    honest = site(1, move)

    def answer(kind: str, content: RecordDict) -> RecordDict | str | None:
        reply = honest(kind, content)
        if kind == wire.TRAIN:
            assert isinstance(reply, RecordDict)
            start = content.array_records[wire.ARRAYS][wire.WEIGHTS].numpy()
            update = reply.array_records[wire.ARRAYS][wire.WEIGHTS].numpy()
            values, scales = encode(update, start, precision)
            arrays = ArrayRecord({wire.WEIGHTS: Array(values), wire.SCALES: Array(scales)})
            change(arrays)
            reply[wire.ARRAYS] = arrays
        return reply

    return answer


def trained(folder: Path, sites: dict[str, Site], precision: UpdatePrecision) -> Rounds:
    settings = experiment(rounds=1, update_precision=precision)
    run = Rounds(settings, folder, FunctionLink(sites), lambda link: None)
    run.train()
    return run


@pytest.mark.parametrize(("precision", "share"), [("fp16", 1 / 2048), ("int8", 1 / 254)])
def test_the_mean_is_off_by_no_more_than_the_rounding_of_the_updates(
    tmp_path: Path, precision: UpdatePrecision, share: float
) -> None:
    sites = {name: sending(seed, precision) for seed, name in enumerate("ab")}
    run = Rounds(
        experiment(rounds=1, update_precision=precision),
        tmp_path,
        FunctionLink(sites),
        lambda link: None,
    )
    start = run.weights.copy()
    run.train()
    steps = [
        np.random.default_rng(seed).standard_normal(start.shape, dtype=np.float32)
        for seed in range(2)
    ]
    off = np.abs(run.weights - start - (steps[0] + steps[1]) / 2)
    largest = max(float(np.abs(step).max()) for step in steps)
    assert 0 < off.max() <= share * largest + 1e-5


def without_scales(arrays: ArrayRecord) -> None:
    del arrays[wire.SCALES]


def too_few_scales(arrays: ArrayRecord) -> None:
    arrays[wire.SCALES] = Array(arrays[wire.SCALES].numpy()[:-1])


def endless_scale(arrays: ArrayRecord) -> None:
    arrays[wire.SCALES] = Array(np.full_like(arrays[wire.SCALES].numpy(), np.inf))


def other_type(arrays: ArrayRecord) -> None:
    arrays[wire.WEIGHTS] = Array(arrays[wire.WEIGHTS].numpy().astype(np.float32))


@pytest.mark.parametrize("change", [without_scales, too_few_scales, endless_scale, other_type])
def test_a_broken_update_costs_its_sender_the_round(
    tmp_path: Path, change: Callable[[ArrayRecord], None]
) -> None:
    sites = {name: sending(seed, "int8") for seed, name in enumerate("ab")}
    run = trained(tmp_path, sites | {"c": sending(2, "int8", change)}, "int8")
    assert set(run.state.rounds[0].missed) == {"c"}
