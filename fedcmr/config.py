"""Settings: frozen pydantic models read from YAML; unknown keys are refused by name.

An experiment travels as one canonical JSON string with its sha256, so that both sides can say
which experiment they mean.
"""

import difflib
import hashlib
import json
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from fedcmr.errors import ConfigurationError


class Settings(BaseModel):
    """Base of every settings section: immutable, no unknown keys, no NaN."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    def canonical_json(self) -> str:
        """Return the one JSON text of these settings: sorted keys, no spaces."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))

    def digest(self) -> str:
        """Return the sha256 of the canonical JSON, in hex."""
        return hashlib.sha256(self.canonical_json().encode()).hexdigest()


SettingsT = TypeVar("SettingsT", bound=Settings)


class Preprocessing(Settings):
    """From a short-axis cine to the array that a network sees; part of every data set."""

    version: Literal[1] = 1
    slices: int = Field(10, ge=1, le=32, description="slices kept, padded with zeros")
    phases: int = Field(20, ge=2, le=64, description="frames over one RR interval")
    spacing_mm: float = Field(1.5, gt=0.2, le=5.0, description="in-plane spacing")
    size: int = Field(128, ge=16, le=512, multiple_of=16, description="side of the heart crop, px")
    low_percentile: float = Field(1.0, ge=0, lt=50, description="intensity mapped to 0")
    high_percentile: float = Field(99.5, gt=50, le=100, description="intensity mapped to 1")


class ModelSettings(Settings):
    """Which network, and the switches where papers and code disagree."""

    name: Literal["s_cnn", "t_cnn", "st_cnn", "ast_cnn", "st_ran"] = "st_ran"
    norm: Literal["group", "batch"] = Field("group", description="normalisation after the stem")
    attention: Literal["softmax_pos", "sigmoid", "code"] = "softmax_pos"
    layout: Literal["slices_as_channels", "true_4d"] = "slices_as_channels"


class TrainingSettings(Settings):
    """Local training; the same for a site's round and for a centralised run."""

    optimizer: Literal["adam", "sgd"] = "adam"
    learning_rate: float = Field(1e-4, gt=0, le=1)
    lr_decay: float = Field(0.0, ge=0, description="lr / (1 + lr_decay * global step)")
    batch_size: int = Field(
        64, ge=1, le=4096, description="studies per optimiser step, by accumulation"
    )
    micro_batch: int = Field(4, ge=1, le=512, description="studies on the device at once")
    local_epochs: int = Field(1, ge=1, le=100, description="epochs per federated round")
    epochs: int = Field(500, ge=1, description="epochs of a run without federation")
    patience: int = Field(70, ge=1, description="epochs without a better validation loss")
    augment: Literal["none", "flip_rotate"] = "none"
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    seed: int = Field(1964, ge=0, lt=2**32)


class FederationSettings(Settings):
    """Rounds, the merge, and how long to wait."""

    rounds: int = Field(50, ge=1, le=10_000)
    strategy: Literal["fedavg", "fedprox"] = "fedavg"
    proximal_mu: float = Field(0.0, ge=0)
    quorum: Literal["all"] | Annotated[int, Field(strict=True, ge=1)] = Field(
        "all", description="sites that must answer for a round to count; all: every enrolled one"
    )
    site_wait_s: float = Field(86_400, gt=0, description="how long to wait for the quorum")
    round_deadline_s: float = Field(3600, gt=0, description="a slower site misses the round")
    late_join: bool = Field(True, description="sites that were not there for round 1 may join")
    select: Literal["last", "best_validation"] = Field(
        "best_validation", description="which round's weights are released"
    )

    @model_validator(mode="after")
    def _mu_belongs_to_fedprox(self) -> Self:
        if (self.proximal_mu > 0) != (self.strategy == "fedprox"):
            raise ValueError("proximal_mu must be above 0 with strategy fedprox, and only then")
        return self


class EvaluationSettings(Settings):
    """Federated statistics: fixed histogram edges and the smallest cell that is printed."""

    bins: int = Field(64, ge=2, le=4096)
    threshold: Literal["youden", "sensitivity_90"] = "youden"
    min_class_count: int = Field(10, ge=1, description="fewer of a class: 'suppressed'")


class Experiment(Settings):
    """One run, one YAML file."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")
    task: Literal["scar"] = "scar"
    model: ModelSettings = ModelSettings()
    preprocessing: Preprocessing = Preprocessing()
    training: TrainingSettings = TrainingSettings()
    federation: FederationSettings = FederationSettings()
    evaluation: EvaluationSettings = EvaluationSettings()


def load_settings(path: Path, kind: type[SettingsT]) -> SettingsT:
    """Read one settings file.

    Raises:
        ConfigurationError: no such file, not YAML, or a value or key is not accepted.
    """
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(
            f"cannot read settings: {error.strerror}", where=str(path), fix="check the path"
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f" in line {mark.line + 1}" if mark else ""
        raise ConfigurationError(f"not valid YAML{line}", where=str(path)) from None
    if not isinstance(data, dict):
        raise ConfigurationError("settings must be a mapping of keys to values", where=str(path))
    return parse_settings(data, kind, where=str(path))


def parse_settings(data: dict[str, Any], kind: type[SettingsT], *, where: str) -> SettingsT:
    """Check a mapping against `kind`; the first problem becomes one line.

    Raises:
        ConfigurationError: a value or key is not accepted.
    """
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            names = _sibling_names(kind, first["loc"])
            near = difflib.get_close_matches(str(first["loc"][-1]), names, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(names)}"
            raise ConfigurationError(f"unknown key {key!r}", where=where, fix=hint) from None
        message = first["msg"].removeprefix("Value error, ")
        raise ConfigurationError(f"{key}: {message}" if key else message, where=where) from None


def parse_json(text: str, kind: type[SettingsT], *, where: str) -> SettingsT:
    """Check a JSON text against `kind`.

    Raises:
        ConfigurationError: not a JSON object, or a value or key is not accepted.
    """
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        raise ConfigurationError("not a JSON object", where=where)
    return parse_settings(data, kind, where=where)


def _sibling_names(kind: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    for part in location[:-1]:
        field = kind.model_fields.get(str(part))
        if field is None or not isinstance(field.annotation, type):
            return []
        if not issubclass(field.annotation, BaseModel):
            return []
        kind = field.annotation
    return sorted(kind.model_fields)
