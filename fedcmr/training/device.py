"""Where to compute and in which precision."""

from dataclasses import dataclass
from typing import Literal

import torch

from fedcmr.errors import ConfigurationError


def visible_devices() -> tuple[torch.device, ...]:
    """Return every visible GPU, or the CPU where there is none."""
    gpus = tuple(torch.device("cuda", index) for index in range(torch.cuda.device_count()))
    return gpus or (torch.device("cpu"),)


@dataclass(frozen=True)
class Precision:
    """Number format of the forward pass; weights and optimiser stay in fp32."""

    autocast: torch.dtype | None
    """None: fp32 throughout."""

    @property
    def scaled(self) -> bool:
        """Whether gradients would vanish without loss scaling."""
        return self.autocast == torch.float16


def choose_precision(
    name: Literal["auto", "fp32", "bf16", "fp16"], device: torch.device
) -> Precision:
    """Turn the experiment's word into a format; `auto` is fp32 on a CPU and bf16 on a GPU.

    bf16 brings nothing on the CPUs measured; a GPU too old for it gets fp16.

    Raises:
        ConfigurationError: fp16 on a CPU.
    """
    if name == "auto":
        if device.type == "cpu":
            return Precision(None)
        return Precision(torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16)
    if name == "fp16" and device.type == "cpu":
        raise ConfigurationError("training.precision: fp16 needs a GPU", fix="use fp32 or auto")
    return Precision({"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}[name])
