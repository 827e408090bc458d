"""A run that begins with weights from a local file; these are made up, of a narrow network."""

import hashlib
from pathlib import Path

import pytest
import torch
from fedcmr_server.origin import provenance
from fedcmr_server.rounds import Rounds
from function_sites import FunctionLink, add, site
from safetensors.torch import save_file

from fedcmr.config import Experiment
from fedcmr.errors import ConfigurationError
from fedcmr.models.registry import build

SETTINGS = {
    "name": "mvo",
    "task": "mvo",
    "model": {"name": "mvo_r2plus1d_bert", "width": 0.04, "norm": "batch", "grid": 4},
    "preprocessing": {"slices": 1, "phases": 8, "size": 32},
    "federation": {"strategy": "fedbn", "rounds": 1, "quorum": 1, "site_wait_s": 0.2},
}


def experiment(section: str = "model", **changes: object) -> Experiment:
    return Experiment.model_validate(SETTINGS | {section: SETTINGS[section] | changes})  # type: ignore[operator]  # a section is a mapping


def rounds(folder: Path, settings: Experiment, file: Path | None) -> Rounds:
    link = FunctionLink({"a": site(30, add(1))})
    return Rounds(settings, folder, link, lambda link: None, pretrained=file)


@pytest.fixture(params=["weights.safetensors", "weights.pth"])
def file(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """Made-up weights of the backbone, in either form."""
    torch.manual_seed(5)
    settings = experiment()
    state = build(settings.model, settings.preprocessing).backbone.state_dict()
    state = {name: torch.rand(t.shape) for name, t in state.items() if t.is_floating_point()}
    path = tmp_path / str(request.param)
    save = save_file if path.suffix == ".safetensors" else torch.save
    save(state, path)  # type: ignore[operator]  # both take state and path
    return path


def test_a_run_begins_with_the_file_and_names_it(tmp_path: Path, file: Path) -> None:
    run = rounds(tmp_path / "run", experiment(), file)
    fresh = rounds(tmp_path / "fresh", experiment(), None)
    begun, random = (each.layout.unpack(each.weights) for each in (run, fresh))
    differ = {name.partition(".")[0] for name in begun if not begun[name].equal(random[name])}
    assert differ == {"backbone"}
    assert begun["backbone.stem.1.running_var"].max() < 1  # ones where nothing was loaded
    run.train()
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    assert provenance(run.state, experiment(), "run", ()).pretrained == digest
    fresh.train()
    assert provenance(fresh.state, experiment(), "fresh", ()).pretrained is None


def test_a_run_goes_on_only_with_the_file_of_its_start(tmp_path: Path, file: Path) -> None:
    rounds(tmp_path / "run", experiment(), file).train()
    assert rounds(tmp_path / "run", experiment(), file).state.finished_rounds == 1
    with pytest.raises(ConfigurationError, match="this run began with other weights"):
        rounds(tmp_path / "run", experiment(), None)


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        (experiment(norm="group"), r"belong to BatchNorm; set model\.norm to batch"),
        (experiment(width=0.08), "pretrained weights do not fit"),
        (experiment("federation", strategy="fedavg"), r"set federation\.strategy to fedbn"),
        (Experiment(name="scar"), "for mvo_r2plus1d_bert; leave --pretrained out"),
    ],
    ids=["norm", "width", "strategy", "network"],
)
def test_what_the_file_does_not_fit_is_refused_in_one_line(
    tmp_path: Path, file: Path, settings: Experiment, line: str
) -> None:
    with pytest.raises(ConfigurationError, match=line) as caught:
        rounds(tmp_path / "run", settings, file)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()
