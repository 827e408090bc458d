"""Real processes: coordinator and sites over TLS, from handshake to verified release."""

import json
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest
from safetensors.torch import load_file

from fedcmr.config import Experiment
from fedcmr.drill.federation import Federation, call
from fedcmr.drill.noise import SMALL, noise_dataset
from fedcmr.federation.payload import Layout
from fedcmr.models.registry import build
from fedcmr.release.layout import WEIGHTS
from fedcmr.settings import load_settings

SIZES = {"a": 6, "b": 10, "c": 4}
ONE_STEP = {
    "name": "test",
    "preprocessing": SMALL.model_dump(),
    "model": {"name": "st_ran"},
    "training": {
        "optimizer": "sgd",
        "learning_rate": 0.1,
        "batch_size": 64,
        "micro_batch": 4,
        "local_epochs": 1,
        "seed": 7,
    },
    "federation": {"rounds": 1, "quorum": 3, "select": "last", "site_wait_s": 60},
    "evaluation": {"min_class_count": 1},
}
SPLITS = {"validation": 4, "test": 6}


def three_sites(federation: Federation) -> None:
    for seed, (name, size) in enumerate(SIZES.items()):
        folder = federation.add(name)
        noise_dataset(
            folder / "dataset",
            name,
            splits={"train": size, **SPLITS},
            seed=seed,
            preprocessing=SMALL,
        )


def weights(release: Path) -> np.ndarray:
    state = load_file(release / WEIGHTS)
    experiment = load_settings(release.parent / "experiment.yaml", Experiment)
    names = Layout(build(experiment.model, experiment.preprocessing).state_dict())
    return names.pack(state)


def initial(experiment: Path) -> np.ndarray:
    import torch

    settings = load_settings(experiment, Experiment)
    torch.manual_seed(settings.training.seed)
    state = build(settings.model, settings.preprocessing).state_dict()
    return Layout(state).pack(state)


@dataclass(frozen=True)
class Finished:
    """A federation after a run of one round, and what the coordinator printed."""

    federation: Federation
    experiment: Path
    printed: str


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    federation = Federation(tmp_path_factory.mktemp("finished"))
    three_sites(federation)
    experiment = federation.write(ONE_STEP)
    with federation.clients(list(SIZES)):
        return Finished(federation, experiment, federation.run(experiment))


def test_one_federated_step_is_one_centralised_step_on_the_union(
    finished: Finished, tmp_path: Path
) -> None:
    federation, experiment = finished.federation, finished.experiment
    released = weights(federation.release(experiment))

    union = tmp_path / "union"
    merge_datasets([federation.site(name) / "dataset" for name in SIZES], union)
    out = tmp_path / "central"
    call("fedcmr", "train", experiment, "--data", union, "--out", out, "--epochs", 1)
    file = out / WEIGHTS
    settings = load_settings(experiment, Experiment)
    layout = Layout(build(settings.model, settings.preprocessing).state_dict())
    central = layout.pack(load_file(file))
    assert np.abs(released - initial(experiment)).max() > 1e-4  # the step is not nothing
    assert np.allclose(released, central, rtol=0, atol=1e-5)


def merge_datasets(sources: list[Path], out: Path) -> None:
    from fedcmr.data.store import open_dataset, write_dataset

    opened = [open_dataset(source) for source in sources]
    records = [record for dataset in opened for record in dataset.records]
    arrays = {
        record.study: np.asarray(dataset.load(record))
        for dataset in opened
        for record in dataset.records
    }
    write_dataset(out, records, arrays, SMALL, phantom=True)


def test_the_release_verifies_and_tells_who_took_part(finished: Finished, tmp_path: Path) -> None:
    federation, experiment = finished.federation, finished.experiment
    release = federation.release(experiment)
    assert str(release) in finished.printed
    call("fedcmr", "verify", release, "--key", federation.public_key)
    provenance = json.loads((release / "provenance.json").read_text())
    assert {site["name"]: site["examples"] for site in provenance["sites"]} == SIZES
    assert provenance["phantom"] is True
    metrics = json.loads((release / "metrics.json").read_text())
    assert metrics["overall"]["n"] == 3 * SPLITS["test"]
    status = json.loads(call("fedcmr-server", "status", "--state", federation.server, "--json"))
    assert [run["phase"] for run in status["runs"].values()] == ["finished"]
    assert call("fedcmr-server", "run", experiment, "--state", federation.server, code=3)
    changed = copytree(release, tmp_path / "changed")
    (changed / "metrics.json").write_text("{}")
    assert "metrics.json" in call(
        "fedcmr", "verify", changed, "--key", federation.public_key, code=1
    )


def test_a_site_with_another_preprocessing_is_refused_by_name(federation: Federation) -> None:
    three_sites(federation)
    folder = federation.add("other")
    noise_dataset(
        folder / "dataset",
        "other",
        splits={"train": 4},
        seed=9,
        preprocessing=SMALL.model_copy(update={"spacing_mm": 2.0}),
    )
    experiment = federation.write(ONE_STEP)
    with (
        federation.serving(experiment) as server,
        federation.clients(["other"]) as other,
    ):
        printed = server.says("other does not take part")
        with federation.clients(list(SIZES)):
            server.ends_with(7)
        assert other["other"].code() is None
    assert "other does not take part: preprocessing digest differs" in printed
    assert "ingest again with the experiment's file" in federation.log("other")
    provenance = json.loads((federation.release(experiment) / "provenance.json").read_text())
    assert provenance["partial"] is True
    [record] = [site for site in provenance["sites"] if site["name"] == "other"]
    assert "preprocessing digest differs" in record["rounds_missed"][0]["reason"]


@pytest.mark.parametrize("fault", ["unenrolled", "wrong CA", "wrong host", "stopped"])
def test_a_client_that_cannot_join_ends_with_5_and_one_line(
    federation: Federation, fault: str
) -> None:
    folder = federation.add("a", enrol=fault != "unenrolled")
    noise_dataset(folder / "dataset", "a", splits={"train": 2}, seed=0, preprocessing=SMALL)
    experiment = federation.write(ONE_STEP)
    options = []
    if fault == "wrong CA":
        other = Federation(federation.path / "other")
        (folder / "ca.pem").write_bytes((other.server / "pki" / "ca.pem").read_bytes())
    if fault == "wrong host":
        options = ["--server", f"localhost:{federation.port}"]
    with nullcontext() if fault == "stopped" else federation.serving(experiment) as server:
        if server is not None:
            server.says("listening on")
        printed = call("fedcmr-client", "start", "--site", folder, *options, code=5)
    assert printed.startswith("error: ")
    assert printed.count("\n") == 1
