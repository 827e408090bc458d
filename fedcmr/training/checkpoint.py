"""A run that can go on: tensors and plain values in one safetensors file, no pickle."""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save, save_file
from torch import Tensor

from fedcmr.durable import sync_folder
from fedcmr.errors import DataError


def save_checkpoint(
    path: Path, tensors: Mapping[str, Tensor], state: Mapping[str, Any], *, durable: bool = True
) -> None:
    """Write tensors and JSON values as one file, whole or not at all.

    Args:
        path: of the file.
        tensors: by name.
        state: of JSON.
        durable: wait for the disk, so that a power cut or a kill leaves the old file or the new
            one. Otherwise the old file is written over, whose pages are in memory: a kill may leave
            none, and a power cut one that `load_checkpoint` refuses.

    Raises:
        DataError: the disk is full, or the folder may not be written.
    """
    host = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    text = json.dumps(state, allow_nan=False)
    metadata = {"state": text, "sha256": _sha256(host, text)}
    write = _write_new if durable else _write_over
    try:
        write(path, host, metadata)
    except (OSError, SafetensorError) as error:
        raise DataError(f"cannot write: {_reason(error)}", where=str(path)) from None


def _write_new(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    # safetensors writes to a file of any name beside its target, which a kill leaves there
    aside = path.with_name(f".{path.name}.writing")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    save_file(tensors, aside / path.name, metadata)
    with (aside / path.name).open("rb") as file:
        os.fsync(file.fileno())
    (aside / path.name).replace(path)
    aside.rmdir()
    sync_folder(path.parent)


def _write_over(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    aside = path.with_name(f".{path.name}.overwriting")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.rename(aside)
    with aside.open("r+b") as file:
        file.write(save(tensors, metadata))
        file.truncate()
    aside.rename(path)


def _reason(error: OSError | SafetensorError) -> str:
    number = re.search(r"\(os error (\d+)\)$", str(error))  # in the words of safetensors
    return os.strerror(int(number[1])) if number else getattr(error, "strerror", "") or str(error)


def load_checkpoint(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return tensors, in host memory, and values.

    Raises:
        DataError: the file is missing or damaged, if only by one bit.
    """
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata()
            names = file.keys()
            tensors = {name: file.get_tensor(name) for name in names}
        if metadata["sha256"] != _sha256(tensors, metadata["state"]):
            raise ValueError("the content has changed")
        return tensors, json.loads(metadata["state"])
    except (OSError, SafetensorError, TypeError, KeyError, ValueError):
        raise DataError(
            "the checkpoint cannot be read", where=str(path), fix="delete it to start again"
        ) from None


def _sha256(tensors: Mapping[str, Tensor], text: str) -> str:
    digest = hashlib.sha256(text.encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return the state of an optimiser as `{parameter index}.{name}`."""
    state: dict[int, dict[str, Tensor]] = optimizer.state_dict()["state"]
    return {f"{i}.{name}": value for i, values in state.items() for name, value in values.items()}


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Put back what `optimizer_tensors` returned."""
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        index, name = key.split(".")
        state.setdefault(int(index), {})[name] = value
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})
