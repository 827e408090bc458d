from pathlib import Path

import pytest
import torch
from torch import nn

from fedcmr.errors import DataError
from fedcmr.training.checkpoint import (
    load_checkpoint,
    optimizer_tensors,
    restore_optimizer,
    save_checkpoint,
)


def test_tensors_and_values_read_back_equal(tmp_path: Path) -> None:
    tensors = {"a": torch.randn(3, 4).t(), "step": torch.tensor(3.0)}
    state = {"epochs": [{"loss": 0.1}], "name": "ü"}
    save_checkpoint(tmp_path / "c", tensors, state)
    loaded, values = load_checkpoint(tmp_path / "c")
    assert values == state
    torch.testing.assert_close(loaded, tensors, rtol=0, atol=0)
    assert [path.name for path in tmp_path.iterdir()] == ["c"]


def test_what_a_kill_in_the_middle_of_writing_left_goes_with_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(tensors: object, target: Path, metadata: object) -> None:
        target.with_name(".tmp4Xy0aB").write_bytes(b"half")
        raise KeyboardInterrupt

    save_checkpoint(tmp_path / "c", {"a": torch.ones(2)}, {})
    with monkeypatch.context() as patch:
        patch.setattr("fedcmr.training.checkpoint.save_file", killed)
        with pytest.raises(KeyboardInterrupt):
            save_checkpoint(tmp_path / "c", {"a": torch.zeros(2)}, {})
    assert load_checkpoint(tmp_path / "c")[0]["a"].all()
    save_checkpoint(tmp_path / "c", {"a": torch.zeros(2)}, {})
    assert not load_checkpoint(tmp_path / "c")[0]["a"].any()
    assert [path.name for path in tmp_path.rglob("*")] == ["c"]


def test_a_file_that_need_not_be_durable_is_written_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, files = tmp_path / "c", set()
    for size in (3, 500, 2):
        save_checkpoint(path, {"a": torch.ones(size)}, {"size": size}, durable=False)
        tensors, state = load_checkpoint(path)
        assert tensors["a"].shape == (size,) == (state["size"],)
        files.add(path.stat().st_ino)
    assert len(files) == 1

    def killed(tensors: object, metadata: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("fedcmr.training.checkpoint.save", killed)
    with pytest.raises(KeyboardInterrupt):
        save_checkpoint(path, {"a": torch.zeros(2)}, {}, durable=False)
    assert not path.exists()
    monkeypatch.undo()
    save_checkpoint(path, {"a": torch.zeros(2)}, {}, durable=False)
    assert [path.name for path in tmp_path.iterdir()] == ["c"]


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="checkpoint cannot be read"):
        load_checkpoint(tmp_path / "none")


def test_an_optimiser_goes_on_where_it_was() -> None:
    def step(layer: nn.Linear, optimizer: torch.optim.Optimizer) -> None:
        layer.weight.grad = torch.ones_like(layer.weight) * layer.weight.detach()
        optimizer.step()

    torch.manual_seed(0)
    layer = nn.Linear(3, 2, bias=False)
    optimizer = torch.optim.Adam(layer.parameters())
    step(layer, optimizer)
    twin = nn.Linear(3, 2, bias=False)
    twin.load_state_dict(layer.state_dict())
    restored = torch.optim.Adam(twin.parameters())
    kept = {name: value.clone() for name, value in optimizer_tensors(optimizer).items()}
    restore_optimizer(restored, kept)
    step(layer, optimizer)
    step(twin, restored)
    assert torch.equal(layer.weight, twin.weight)
