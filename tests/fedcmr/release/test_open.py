import json
import pickle
import struct
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

from fedcmr.config import Experiment
from fedcmr.errors import ConfigurationError, FedcmrError
from fedcmr.release.layout import MODEL, WEIGHTS
from fedcmr.release.open import open_release


def test_what_was_written_is_read(
    release: Path, experiment: Experiment, state: dict[str, torch.Tensor]
) -> None:
    opened = open_release(release)
    assert opened.experiment == experiment
    assert opened.threshold == opened.description.threshold.value
    assert opened.description.labels == ("no scar", "scar")
    assert not opened.model.training
    for name, value in opened.model.state_dict().items():
        assert torch.equal(value, state[name])


def test_opening_leaves_the_random_generator_alone(release: Path) -> None:
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    open_release(release)
    assert torch.equal(torch.rand(3), expected)


class _Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, ("raise SystemExit('executed')",)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        pickle.dumps(_Bomb()),
        struct.pack("<Q", 2**60) + b"{}",
        struct.pack("<Q", 2) + b"{}",
        struct.pack("<Q", 90) + json.dumps({"w": {"dtype": "F32", "shape": [2**40]}}).encode(),
    ],
)
def test_weights_that_are_no_safetensors_are_refused(release: Path, content: bytes) -> None:
    (release / WEIGHTS).write_bytes(content)
    with pytest.raises(FedcmrError, match=WEIGHTS):
        open_release(release)


@pytest.mark.parametrize("change", ["shape", "missing", "more", "nan", "type"])
def test_other_weights_are_refused(release: Path, change: str) -> None:
    state = load_file(release / WEIGHTS)
    name = max(state, key=lambda key: state[key].numel())
    match change:
        case "shape":
            state[name] = state[name].flatten()
        case "missing":
            del state[name]
        case "more":
            state["more"] = torch.zeros(1)
        case "nan":
            state[name].view(-1)[0] = torch.nan
        case "type":
            state[name] = state[name].to(torch.float64)
    save_file(state, release / WEIGHTS)
    with pytest.raises(FedcmrError, match=WEIGHTS):
        open_release(release)


@pytest.mark.parametrize(
    "text", ["!!python/object/apply:os.system ['true']", "[1, 2]", "", "format: 2", "a: *b"]
)
def test_a_description_of_something_else_is_refused(release: Path, text: str) -> None:
    (release / MODEL).write_text(text)
    with pytest.raises(ConfigurationError, match=MODEL):
        open_release(release)


def test_a_path_in_the_description_is_no_path(release: Path) -> None:
    description = yaml.safe_load((release / MODEL).read_text())
    description["weights"] = "../../etc/passwd"
    (release / MODEL).write_text(yaml.safe_dump(description))
    with pytest.raises(ConfigurationError, match="unknown key 'weights'"):
        open_release(release)


def test_an_added_file_is_refused(release: Path) -> None:
    (release / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(FedcmrError, match=r"pytorch_model\.bin"):
        open_release(release)
