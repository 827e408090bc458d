"""`model.yaml`: what a reader needs to run the weights."""

from typing import Literal

from pydantic import Field

from fedcmr.config import Experiment
from fedcmr.settings import Settings

LABELS: dict[str, tuple[str, str]] = {
    "scar": ("no scar", "scar"),
    "mvo": ("no MVO", "MVO"),
}
"""Task to the names of class 0 and class 1."""


class OperatingPoint(Settings):
    """Where a score is called positive."""

    value: float = Field(ge=0, le=1, description="a score at or above it is positive")
    rule: str = Field(max_length=200, description="how it was chosen on the pooled validation set")


class Description(Settings):
    """Content of model.yaml."""

    format: Literal[1] = 1
    package_version: str = Field(max_length=100)
    labels: tuple[str, str] = Field(description="names of class 0 and class 1")
    threshold: OperatingPoint
    phantom: bool
    partial: bool
    experiment: Experiment
